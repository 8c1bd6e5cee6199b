import type { Catalogue } from "@/i18n";

export const en = {
  copy: "Copy",
  copied: "Copied",
  rawError: "As it came",
  requestId: "Request",
  tryAgain: "Try again",
  network: "No answer came: the gateway is down, or something between here and there refuses the connection.",
  keyNeeded: "An admin key, please",
  keyWrong: "This key is not accepted",
  keyWhy:
    "From another machine than the gateway's own, this page needs an admin key: one of `admin.keys` in the gateway's configuration.",
  key: "Admin key",
  keyRemember: "Remember it in this browser",
  keyRememberWhy: "Else it is forgotten when this tab is closed.",
  keyUse: "Open",
  forbidden: "The gateway takes this page for a stranger's",
  forbiddenWhy:
    "It answers its own pages only. If a proxy stands before it, have that pass on the Host header as the browser sent it.",
  cancel: "Cancel",
  loading: "Loading…",
} as const satisfies Catalogue;
