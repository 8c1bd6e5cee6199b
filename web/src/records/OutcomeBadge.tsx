import { Badge } from "@mantine/core";

import type { Outcome } from "./filters";
import { useT } from "./i18n";
import classes from "./Records.module.css";

/** How a request ended, in a word and a colour. */
export function OutcomeBadge({ outcome }: { outcome: Outcome }) {
  const t = useT();
  const color = outcome === "ok" ? "green" : outcome === "client_gone" || outcome === "cancelled" ? "gray" : outcome === "refused" || outcome === "overloaded" ? "gate" : "red";
  return (
    <Badge variant="light" color={color} className={classes.badge} {...(color === "green" ? { c: "var(--sw-good)" } : {})}>
      {t(outcome)}
    </Badge>
  );
}
