import { Center, Loader, Tabs } from "@mantine/core";
import { IconChartBar, IconListDetails } from "@tabler/icons-react";
import { lazy, Suspense } from "react";
import { useNavigate, useParams } from "react-router";

import { Page } from "@/ui/Page";

import { useT } from "./i18n";
import { SumsView } from "./SumsView";

const Records = lazy(() => import("@/records"));

/** `/usage`: sums. `/usage/records`: requests one by one; `/usage/records/req_…`: one of them. */
export default function UsagePage() {
  const t = useT();
  const navigate = useNavigate();
  const rest = useParams()["*"] ?? "";
  const tab = rest.startsWith("records") ? "records" : "sums";
  return (
    <Page title={t("title")} admin layout="wide">
      <Tabs value={tab} onChange={(value) => void navigate(value === "records" ? "/usage/records" : "/usage")} keepMounted={false}>
        <Tabs.List aria-label={t("tabs")} mb="lg">
          <Tabs.Tab value="sums" leftSection={<IconChartBar size={16} aria-hidden />}>
            {t("tabSums")}
          </Tabs.Tab>
          <Tabs.Tab value="records" leftSection={<IconListDetails size={16} aria-hidden />}>
            {t("tabRecords")}
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="sums">
          <SumsView />
        </Tabs.Panel>
        <Tabs.Panel value="records">
          <Suspense
            fallback={
              <Center py={64}>
                <Loader type="dots" />
              </Center>
            }
          >
            <Records open={rest.split("/")[1] ?? ""} />
          </Suspense>
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
