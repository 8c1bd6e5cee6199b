import { Button, Group, Modal, Radio, Stack, Text } from "@mantine/core";
import { useState } from "react";

import { api, type ApiError, asApiError, type Key, type KeyMade } from "@/lib/api";
import { ErrorBox } from "@/ui/ErrorBox";

import { useT } from "./i18n";

const GRACES = [
  ["0", "graceNone"],
  ["3600", "graceHour"],
  ["86400", "graceDay"],
  ["604800", "graceWeek"],
] as const;

/** How long the old key works on once there is a new one. */
export function RotateForm({ item, onDone, onClose }: { item: Key; onDone: (made: KeyMade) => void; onClose: () => void }) {
  const t = useT();
  const [grace, setGrace] = useState("86400");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const send = async () => {
    setBusy(true);
    try {
      onDone(await api.post("/api/keys/{name}/rotate", { path: { name: item.name }, body: { grace_s: Number(grace) } }));
    } catch (thrown) {
      setError(asApiError(thrown));
      setBusy(false);
    }
  };
  return (
    <Modal opened onClose={onClose} title={t("rotateTitle", { name: item.name })} centered closeButtonProps={{ "aria-label": t("cancel") }}>
      <Stack>
        <Text>{t("rotateWhy")}</Text>
        <Radio.Group label={t("grace")} value={grace} onChange={setGrace}>
          <Stack gap="xs" mt="xs">
            {GRACES.map(([seconds, label]) => (
              <Radio key={seconds} value={seconds} label={t(label)} />
            ))}
          </Stack>
        </Radio.Group>
        {error && <ErrorBox error={error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("cancel")}
          </Button>
          <Button loading={busy} onClick={send} data-autofocus>
            {t("rotateNow")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
