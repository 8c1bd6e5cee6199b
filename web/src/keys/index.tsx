import { Badge, Button, Group, SegmentedControl, Stack, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconKey, IconPlus, IconSearch } from "@tabler/icons-react";
import { useMemo, useState } from "react";

import { api, type ApiError, asApiError, type Key, type KeyMade, type Keys } from "@/lib/api";
import { useApi } from "@/lib/useApi";
import { Async } from "@/ui/Async";
import { confirm } from "@/ui/confirm";
import { EmptyState } from "@/ui/EmptyState";
import { ErrorBox } from "@/ui/ErrorBox";
import { Page } from "@/ui/Page";
import { useShortcuts } from "@/ui/shortcuts";

import { useT } from "./i18n";
import { KeyForm } from "./KeyForm";
import { type KeyActions, KeyRow } from "./KeyRow";
import { KeyShown, NotInForce } from "./KeyShown";
import { RotateForm } from "./RotateForm";
import { matching } from "./use";

const EVERY_MS = 3000;

/** What is open above the list. */
type Open = { kind: "new" } | { kind: "edit"; key: Key } | { kind: "rotate"; key: Key } | undefined;

export default function KeysPage() {
  const t = useT();
  const loaded = useApi("/api/keys", {}, { everyMs: EVERY_MS });
  const [open, setOpen] = useState<Open>();
  const [made, setMade] = useState<KeyMade>();
  const [error, setError] = useState<ApiError>();
  const close = () => setOpen(undefined);
  const done = (answer: KeyMade) => {
    close();
    setError(undefined);
    setMade(answer);
    if (answer.api_key === null && answer.in_force) notifications.show({ message: t("saved", { name: answer.key.name }) });
    loaded.reload();
  };
  const revoke = async (key: Key) => {
    const name = key.name;
    if (!(await confirm({ title: t("revokeTitle", { name }), text: t("revokeText"), yes: t("revokeYes"), danger: true }))) return;
    try {
      const answer = await api.post("/api/keys/{name}/revoke", { path: { name } });
      setMade(answer);
      setError(undefined);
      notifications.show({ message: t("revokedToast", { name }) });
    } catch (thrown) {
      setError(asApiError(thrown));
    }
    loaded.reload();
  };
  useShortcuts(useMemo(() => [{ keys: ["n"], label: t("newKey"), run: () => setOpen({ kind: "new" }) }], [t]));
  const total = loaded.data?.keys.length ?? 0;

  return (
    <Page
      title={t("title")}
      admin
      beside={total > 0 && <Badge variant="default" tt="none">{t("count", { n: total })}</Badge>}
      actions={
        <Button leftSection={<IconPlus size={18} aria-hidden />} onClick={() => setOpen({ kind: "new" })}>
          {t("newKey")}
        </Button>
      }
    >
      <Stack>
        {error && <ErrorBox error={error} />}
        {made?.api_key === null && <NotInForce made={made} />}
        <Async from={loaded}>
          {(data) => (
            <List
              data={data}
              onEdit={(key) => setOpen({ kind: "edit", key })}
              onRotate={(key) => setOpen({ kind: "rotate", key })}
              onRevoke={revoke}
            />
          )}
        </Async>
      </Stack>
      {(open?.kind === "new" || open?.kind === "edit") && (
        <KeyForm
          item={open.kind === "edit" ? open.key : undefined}
          first={open.kind === "new" && loaded.data?.required === false}
          onDone={done}
          onClose={close}
        />
      )}
      {open?.kind === "rotate" && <RotateForm item={open.key} onDone={done} onClose={close} />}
      {made?.api_key && <KeyShown made={made} onClose={() => setMade(undefined)} />}
    </Page>
  );
}

function List({ data, ...actions }: KeyActions & { data: Keys }) {
  const t = useT();
  const [text, setText] = useState("");
  const [state, setState] = useState<Key["state"] | "all">("all");
  if (data.keys.length === 0) {
    return (
      <EmptyState title={t("none")} icon={IconKey}>
        {t("noneWhy")}
      </EmptyState>
    );
  }
  const shown = matching(data.keys, text, state);
  return (
    <Stack>
      <Group gap="sm">
        <TextInput
          aria-label={t("search")}
          placeholder={t("searchHint")}
          leftSection={<IconSearch size={16} aria-hidden />}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          flex={1}
          miw={200}
          maw={360}
        />
        <SegmentedControl
          aria-label={t("states")}
          value={state}
          onChange={(value) => setState(value)}
          data={(["all", "active", "expired", "revoked"] as const).map((value) => ({ value, label: t(value) }))}
        />
      </Group>
      {shown.length === 0 && <EmptyState title={t("noneMatch")} icon={IconKey} />}
      {shown.map((key) => (
        <KeyRow key={key.name} item={key} {...actions} />
      ))}
    </Stack>
  );
}
