import { Button, Group, Modal, PasswordInput, SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import { type SubmitEvent, useState } from "react";

import { DEFAULT_PROFILE, type Profile, putProfile } from "@/lib/profiles";

import { useT } from "./i18n";
import { isOpen, tidyAddress } from "./urlSettings";

/** What a profile holds. The first is this gateway, whose address stays. */
export function ProfileForm({ profile, onClose }: { profile: Profile; onClose: () => void }) {
  const t = useT();
  const [form, setForm] = useState(profile);
  const set = (part: Partial<Profile>) => setForm((before) => ({ ...before, ...part }));
  const isFirst = profile.id === DEFAULT_PROFILE.id;
  const address = form.baseUrl.trim() === "" ? "" : tidyAddress(form.baseUrl);
  const save = (event: SubmitEvent) => {
    event.preventDefault();
    if (address === undefined) return;
    putProfile({ ...form, name: form.name.trim(), baseUrl: address, apiKey: form.apiKey.trim(), model: form.model.trim() });
    onClose();
  };
  const isNew = form.name === "" && profile.name === "" && !isFirst;
  return (
    <Modal opened onClose={onClose} title={isNew ? t("newProfile") : t("editProfile", { name: profile.name || t("here") })} closeButtonProps={{ "aria-label": t("cancel") }}>
      <form onSubmit={save}>
        <Stack>
          <TextInput label={t("name")} placeholder={isFirst ? t("nameHere") : ""} value={form.name} onChange={(event) => set({ name: event.currentTarget.value })} data-autofocus />
          {!isFirst && (
            <TextInput
              label={t("baseUrl")}
              description={t("baseUrlWhy")}
              inputMode="url"
              value={form.baseUrl}
              onChange={(event) => set({ baseUrl: event.currentTarget.value })}
              error={address === undefined ? t("baseUrlBad") : null}
              spellCheck={false}
            />
          )}
          {address && isOpen(address) && (
            <Text size="sm" c="var(--sw-warn)">
              {t("baseUrlOpen")}
            </Text>
          )}
          <PasswordInput
            label={t("apiKey")}
            description={t("apiKeyWhy")}
            value={form.apiKey}
            onChange={(event) => set({ apiKey: event.currentTarget.value })}
            autoComplete="off"
          />
          <div>
            <Text size="sm" fw={500} mb={4} id="profile-mode">
              {t("mode")}
            </Text>
            <SegmentedControl
              aria-labelledby="profile-mode"
              fullWidth
              value={form.mode}
              onChange={(mode) => set({ mode })}
              data={[
                { value: "images", label: t("modeImages") },
                { value: "responses", label: t("modeResponses") },
              ]}
            />
          </div>
          <TextInput label={t("model")} description={t("modelWhy")} value={form.model} onChange={(event) => set({ model: event.currentTarget.value })} spellCheck={false} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("cancel")}
            </Button>
            <Button type="submit" disabled={address === undefined}>
              {t("save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
