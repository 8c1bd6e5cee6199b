import { Drawer, Input, NativeSelect, NumberInput, SegmentedControl, Stack, Switch, Text, Textarea } from "@mantine/core";
import { useId } from "react";

import { useStore } from "@/lib/persisted";
import { profiles } from "@/lib/profiles";

import { useT } from "./i18n";
import { setSettings } from "./session";
import { ToolsEditor } from "./ToolsEditor";
import { type Conversation, EFFORTS, type Settings } from "./types";

/** What is sent with every question of a conversation. */
export default function SettingsDrawer({ conversation, opened, onClose }: { conversation: Conversation; opened: boolean; onClose: () => void }) {
  const t = useT();
  const all = useStore(profiles).list;
  const effortId = useId();
  const { settings } = conversation;
  const change = (what: Partial<Settings>) => setSettings(conversation.id, { ...settings, ...what });
  const limit = (value: string | number) => (typeof value === "number" ? value : null);
  return (
    <Drawer opened={opened} onClose={onClose} position="right" size="md" title={t("settingsTitle")} closeButtonProps={{ "aria-label": t("close") }}>
      <Stack gap="lg" pb="xl">
        {all.length > 1 && (
          <NativeSelect
            label={t("profile")}
            value={settings.profile || (all[0]?.id ?? "")}
            data={all.map((one) => ({ value: one.id, label: one.name || one.baseUrl || t("thisGateway") }))}
            onChange={(event) => change({ profile: event.currentTarget.value })}
          />
        )}
        <Textarea
          label={t("system")}
          placeholder={t("systemHint")}
          autosize
          minRows={2}
          maxRows={12}
          value={settings.system}
          onChange={(event) => change({ system: event.currentTarget.value })}
        />
        <Stack gap={4}>
          <Input.Label component="div" id={effortId}>
            {t("effort")}
          </Input.Label>
          <SegmentedControl
            fullWidth
            size="xs"
            aria-labelledby={effortId}
            value={settings.effort}
            data={EFFORTS.map((value) => ({ value, label: t(`effort.${value}`) }))}
            onChange={(value) => change({ effort: value })}
          />
          <Text size="xs" c="dimmed">
            {t("effortText")}
          </Text>
        </Stack>
        <NumberInput
          label={t("maxTokens")}
          description={t("maxTokensText")}
          min={1}
          max={1_000_000}
          allowDecimal={false}
          value={settings.maxTokens ?? ""}
          onChange={(value) => change({ maxTokens: limit(value) })}
        />
        <NumberInput
          label={t("temperature")}
          description={t("temperatureText")}
          min={0}
          max={2}
          step={0.1}
          value={settings.temperature ?? ""}
          onChange={(value) => change({ temperature: limit(value) })}
        />
        <Switch
          label={t("drawing")}
          description={t("drawingText")}
          checked={settings.drawing}
          onChange={(event) => change({ drawing: event.currentTarget.checked })}
        />
        <ToolsEditor tools={settings.tools} onChange={(tools) => change({ tools })} />
      </Stack>
    </Drawer>
  );
}
