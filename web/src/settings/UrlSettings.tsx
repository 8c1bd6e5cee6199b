import { Alert, Button, Code, Group, Modal, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useEffect } from "react";
import { useLocation, useNavigate } from "react-router";

import { store, useStore } from "@/lib/persisted";
import { profiles, putProfile } from "@/lib/profiles";

import { useT } from "./i18n";
import { newId } from "./ids";
import classes from "./Settings.module.css";
import { decide, type Decision, hostOf, isOpen, readOffer, withoutOffer } from "./urlSettings";

/** What the user has to decide on. */
const open = store<Decision | undefined>(undefined);

/** Where settings are taken from the address; elsewhere `model` and the like are filters of lists. */
const PAGES = /^\/(studio|chat|settings)(\/|$)/;

/**
 * Takes settings from the address of the page; asks before it takes an address or a key that is not known. Mounted
 * once, above all pages.
 */
export default function UrlSettings() {
  const t = useT();
  const navigate = useNavigate();
  const { pathname, search, hash } = useLocation();
  const asked = useStore(open);

  useEffect(() => {
    const offer = PAGES.test(pathname) ? readOffer(search, hash, location.origin) : undefined;
    if (offer === undefined) return;
    // First of all the key leaves the address, and the browser's history with it.
    void navigate({ pathname, ...withoutOffer(search, hash) }, { replace: true });
    if (offer.invalid) {
      notifications.show({ color: "red", message: t("offerInvalid", { address: offer.baseUrl.slice(0, 100) }), autoClose: false });
      return;
    }
    const decision = decide(offer, profiles.get(), newId());
    if (decision.ask) open.set(decision);
    else adopt(decision);
  }, [pathname, search, hash, navigate, t]);

  if (!asked) return null;
  const { profile } = asked;
  const ignore = () => open.set(undefined);
  const take = () => {
    adopt(asked);
    open.set(undefined);
    notifications.show({ message: t("offerTaken", { name: profile.name || t("here") }) });
  };
  return (
    <Modal opened onClose={ignore} title={t("offerTitle")} centered size="lg" closeOnClickOutside={false} withCloseButton={false}>
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
          <Button variant="default" onClick={take}>
            {t("offerTake")}
          </Button>
          <Button onClick={ignore} data-autofocus>
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

function adopt({ profile }: Decision): void {
  putProfile(profile);
  profiles.set((all) => ({ ...all, current: profile.id }));
}
