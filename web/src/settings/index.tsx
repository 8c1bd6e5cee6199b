import { Center, Loader, Tabs } from "@mantine/core";
import { IconBrowser, IconChecklist, IconServerCog, IconUsersGroup } from "@tabler/icons-react";
import { lazy, Suspense } from "react";
import { useNavigate, useParams } from "react-router";

import { Page } from "@/ui/Page";
import { KeyGate } from "@/ui/KeyGate";

import { BrowserTab } from "./BrowserTab";
import { useT } from "./i18n";
import { ProfilesTab } from "./ProfilesTab";

const GatewayTab = lazy(() => import("./GatewayTab"));
const CheckTab = lazy(() => import("./CheckTab"));

const TABS = [
  ["profiles", "tabProfiles", IconUsersGroup],
  ["browser", "tabBrowser", IconBrowser],
  ["gateway", "tabGateway", IconServerCog],
  ["check", "tabCheck", IconChecklist],
] as const;

/** `/settings/profiles`, `/settings/browser`, `/settings/gateway`, `/settings/check`. */
export default function SettingsPage() {
  const t = useT();
  const navigate = useNavigate();
  const rest = useParams()["*"] ?? "";
  const tab = TABS.find(([name]) => name === rest)?.[0] ?? "profiles";
  const waiting = (
    <Center py={64}>
      <Loader type="dots" />
    </Center>
  );
  return (
    <Page title={t("title")}>
      <Tabs value={tab} onChange={(value) => void navigate(`/settings/${value ?? ""}`)} keepMounted={false}>
        <Tabs.List aria-label={t("tabs")} mb="lg">
          {TABS.map(([name, label, Icon]) => (
            <Tabs.Tab key={name} value={name} leftSection={<Icon size={16} aria-hidden />}>
              {t(label)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="profiles">
          <ProfilesTab />
        </Tabs.Panel>
        <Tabs.Panel value="browser">
          <BrowserTab />
        </Tabs.Panel>
        <Tabs.Panel value="gateway">
          <KeyGate>
            <Suspense fallback={waiting}>
              <GatewayTab />
            </Suspense>
          </KeyGate>
        </Tabs.Panel>
        <Tabs.Panel value="check">
          <KeyGate>
            <Suspense fallback={waiting}>
              <CheckTab />
            </Suspense>
          </KeyGate>
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
