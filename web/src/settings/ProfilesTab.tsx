import { ActionIcon, Badge, Button, Checkbox, FileButton, Group, Modal, Paper, Stack, Text, Tooltip } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconDownload, IconLink, IconPencil, IconPlus, IconTrash, IconUpload } from "@tabler/icons-react";
import { useState } from "react";

import { useStore } from "@/lib/persisted";
import { currentProfile, DEFAULT_PROFILE, type Profile, profiles, putProfile, removeProfile } from "@/lib/profiles";
import { confirm } from "@/ui/confirm";
import { download } from "@/usage/download";

import { useT } from "./i18n";
import { newId } from "./ids";
import { ProfileForm } from "./ProfileForm";
import classes from "./Settings.module.css";
import { exportText, importText } from "./transfer";
import { linkOf } from "./urlSettings";

/** Where models are asked, and with which key. */
export function ProfilesTab() {
  const t = useT();
  const all = useStore(profiles);
  const [edited, setEdited] = useState<Profile>();
  const [exporting, setExporting] = useState(false);
  return (
    <Stack>
      <Group justify="space-between">
        <Text c="dimmed" maw={560}>
          {t("profilesWhy")}
        </Text>
        <Group gap="xs">
          <FileButton accept="application/json,.json" onChange={(file) => file && void importFile(file, t)} inputProps={{ "aria-label": t("importProfiles") }}>
            {(props) => (
              <Button variant="default" leftSection={<IconUpload size={16} aria-hidden />} {...props}>
                {t("importProfiles")}
              </Button>
            )}
          </FileButton>
          <Button variant="default" leftSection={<IconDownload size={16} aria-hidden />} onClick={() => setExporting(true)}>
            {t("exportProfiles")}
          </Button>
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setEdited({ ...DEFAULT_PROFILE, id: newId() })}>
            {t("newProfile")}
          </Button>
        </Group>
      </Group>
      {all.list.map((profile) => (
        <Row key={profile.id} profile={profile} current={profile.id === currentProfile(all).id} onEdit={() => setEdited(profile)} />
      ))}
      {edited && <ProfileForm profile={edited} onClose={() => setEdited(undefined)} />}
      {exporting && <ExportForm onClose={() => setExporting(false)} />}
    </Stack>
  );
}

function Row({ profile, current, onEdit }: { profile: Profile; current: boolean; onEdit: () => void }) {
  const t = useT();
  const isFirst = profile.id === DEFAULT_PROFILE.id;
  const name = profile.name || (profile.baseUrl === "" ? t("here") : profile.baseUrl);
  const remove = async () => {
    if (await confirm({ title: `${t("removeProfile", { name })}?`, text: t("removeProfileText"), yes: t("remove"), danger: true })) removeProfile(profile.id);
  };
  const copyLink = async () => {
    await navigator.clipboard.writeText(linkOf(profile, location.origin, false));
    notifications.show({ message: t("linkCopied") });
  };
  const facts = [
    profile.baseUrl || t("here"),
    profile.apiKey ? t("hasKey") : t("noKey"),
    t(profile.mode === "images" ? "modeImages" : "modeResponses"),
    profile.model,
  ].filter(Boolean);
  return (
    <Paper component="article" aria-label={name} withBorder radius="lg" p="md" bg="var(--sw-surface)">
      <Group justify="space-between" gap="sm">
        <div className={classes.grow}>
          <Group gap="xs">
            <Text fw={600}>{name}</Text>
            {current && (
              <Badge variant="light" className={classes.badge}>
                {t("inUse")}
              </Badge>
            )}
          </Group>
          <Text size="sm" c="dimmed">
            {facts.join(" · ")}
          </Text>
        </div>
        <Group gap={4}>
          {!current && (
            <Button size="xs" variant="default" onClick={() => profiles.set((before) => ({ ...before, current: profile.id }))}>
              {t("use")}
            </Button>
          )}
          <Tooltip label={t("linkWhy")}>
            <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("copyLink", { name })} onClick={copyLink}>
              <IconLink size={18} stroke={1.7} aria-hidden />
            </ActionIcon>
          </Tooltip>
          <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("editProfile", { name })} onClick={onEdit}>
            <IconPencil size={18} stroke={1.7} aria-hidden />
          </ActionIcon>
          {!isFirst && (
            <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("removeProfile", { name })} onClick={remove}>
              <IconTrash size={18} stroke={1.7} aria-hidden />
            </ActionIcon>
          )}
        </Group>
      </Group>
    </Paper>
  );
}

function ExportForm({ onClose }: { onClose: () => void }) {
  const t = useT();
  const [withKeys, setWithKeys] = useState(false);
  const save = () => {
    download("sluiceway-profiles.json", new Blob([exportText(profiles.get().list, withKeys)], { type: "application/json" }));
    onClose();
  };
  return (
    <Modal opened onClose={onClose} title={t("exportTitle")} centered closeButtonProps={{ "aria-label": t("cancel") }}>
      <Stack>
        <Checkbox
          label={t("exportKeys")}
          description={t("exportKeysWhy")}
          checked={withKeys}
          onChange={(event) => setWithKeys(event.currentTarget.checked)}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("cancel")}
          </Button>
          <Button onClick={save}>{t("exportYes")}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

async function importFile(file: File, t: ReturnType<typeof useT>): Promise<void> {
  const found = importText(await file.text(), profiles.get().list, newId);
  if (!found || found.length === 0) {
    notifications.show({ color: found ? "gray" : "red", message: t(found ? "importedNone" : "importBad") });
    return;
  }
  const addresses = [...new Set(found.map((one) => one.baseUrl).filter(Boolean))];
  if (addresses.length > 0) {
    const text = (
      <>
        {t("importText")}
        <ul>
          {addresses.map((address) => (
            <li key={address}>{address}</li>
          ))}
        </ul>
      </>
    );
    if (!(await confirm({ title: t("importTitle", { n: found.length }), text, yes: t("importYes") }))) return;
  }
  found.forEach(putProfile);
  notifications.show({ message: t("imported", { n: found.length }) });
}
