import { Anchor, Autocomplete, Group, SegmentedControl, Select, Stack, Text } from "@mantine/core";
import { Link } from "react-router";

import { useStore } from "@/lib/persisted";
import { currentProfile, profiles, putProfile } from "@/lib/profiles";

import { changeMode } from "./draft";
import { useT } from "./i18n";
import type { Suggestions } from "./useModels";

/** Who is asked, and by which API. */
export function ModelPicker({ models }: { models: Suggestions }) {
  const t = useT();
  const all = useStore(profiles);
  const profile = currentProfile(all);
  return (
    <Stack gap="sm">
      {all.list.length > 1 && (
        <Select
          label={t("profile")}
          data={all.list.map((one) => ({ value: one.id, label: one.name || t("thisGateway") }))}
          value={profile.id}
          allowDeselect={false}
          onChange={(id) => profiles.set((before) => ({ ...before, current: id ?? before.current }))}
        />
      )}
      <SegmentedControl
        fullWidth
        aria-label={t("mode")}
        data={[
          { value: "images", label: t("modeImages") },
          { value: "responses", label: t("modeResponses") },
        ]}
        value={profile.mode}
        onChange={(value) => changeMode(value === "responses" ? "responses" : "images")}
      />
      <Autocomplete
        label={
          <Group component="span" gap={6}>
            {t("model")}
            <Text component="span" size="xs" c="dimmed">
              {profile.mode === "responses" ? t("modelTalks") : t("modelDraws")}
            </Text>
          </Group>
        }
        placeholder={models.proposed}
        data={[...models.names]}
        value={profile.model}
        limit={40}
        maxDropdownHeight={260}
        onChange={(model) => putProfile({ ...currentProfile(), model })}
        error={models.error ? t("modelsUnknown") : null}
      />
      {profile.baseUrl !== "" && (
        <Text size="xs" c="dimmed">
          {t("goesTo", { host: profile.baseUrl })}{" "}
          <Anchor component={Link} to="/settings" inherit>
            {t("settings")}
          </Anchor>
        </Text>
      )}
    </Stack>
  );
}
