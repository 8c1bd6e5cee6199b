import { Alert, Button, Code, Group, Modal, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";

import type { Profile } from "@/lib/profiles";

import { useT } from "./i18n";
import classes from "./Settings.module.css";
import { hostOf, isOpen } from "./urlSettings";

/** What a link wants, and what that would mean: the safe answer has the focus. */
export default function UrlOffer({ profile, onTake, onIgnore }: { profile: Profile; onTake: () => void; onIgnore: () => void }) {
  const t = useT();
  return (
    <Modal opened onClose={onIgnore} title={t("offerTitle")} centered size="lg" closeOnClickOutside={false} withCloseButton={false}>
      <Stack>
        <Text>{t("offerText")}</Text>
        {profile.baseUrl && (
          <Alert color="gate" variant="light" icon={<IconAlertTriangle size={20} aria-hidden />}>
            <Text size="sm">{t("offerForeign", { host: hostOf(profile.baseUrl) })}</Text>
            {!profile.apiKey && <Text size="sm">{t("offerNoKey")}</Text>}
            {isOpen(profile.baseUrl) && <Text size="sm">{t("baseUrlOpen")}</Text>}
          </Alert>
        )}
        <dl className={classes.facts}>
          {profile.baseUrl && <Fact name={t("offerAddress")} value={profile.baseUrl} />}
          {profile.apiKey && <Fact name={t("offerKey")} value={`${profile.apiKey.slice(0, 6)}…`} detail={t("offerKeyWhy")} />}
          <Fact name={t("offerMode")} value={t(profile.mode === "images" ? "modeImages" : "modeResponses")} />
          {profile.model && <Fact name={t("offerModel")} value={profile.model} />}
        </dl>
        <Group justify="flex-end">
          <Button variant="default" onClick={onTake}>
            {t("offerTake")}
          </Button>
          <Button onClick={onIgnore} data-autofocus>
            {t("offerIgnore")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function Fact({ name, value, detail }: { name: string; value: string; detail?: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <Code>{value}</Code>
        {detail && (
          <Text size="sm" c="dimmed">
            {detail}
          </Text>
        )}
      </dd>
    </>
  );
}
