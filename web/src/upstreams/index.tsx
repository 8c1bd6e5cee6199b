import { Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconServer2 } from "@tabler/icons-react";

import { api, asApiError, type Upstream } from "@/lib/api";
import { useApi } from "@/lib/useApi";
import { Async } from "@/ui/Async";
import { confirm } from "@/ui/confirm";
import { EmptyState } from "@/ui/EmptyState";
import { Page } from "@/ui/Page";

import { healthOf } from "./health";
import { useT } from "./i18n";
import { UpstreamCard } from "./UpstreamCard";

const EVERY_MS = 2_000;

/** The providers behind the gateway: how they are, and taking them out of service. */
export default function UpstreamsPage() {
  const t = useT();
  const loaded = useApi("/api/upstreams", {}, { everyMs: EVERY_MS });

  const change = async (name: string, to: "drain" | "enable", others: boolean) => {
    const text = to === "enable" ? t("enableText") : <DrainText others={others} />;
    const title = t(to === "drain" ? "drainAsk" : "enableAsk", { name });
    if (!(await confirm({ title, text, yes: t(to), danger: to === "drain" }))) return;
    try {
      await api.post(to === "drain" ? "/api/upstreams/{name}/drain" : "/api/upstreams/{name}/enable", { path: { name } });
      notifications.show({ message: t(to === "drain" ? "drainedNow" : "enabledNow", { name }) });
    } catch (thrown) {
      notifications.show({ color: "red", message: asApiError(thrown).message });
    }
    loaded.reload();
  };

  return (
    <Page title={t("title")} admin>
      <Async from={loaded}>
        {({ upstreams }) =>
          upstreams.length === 0 ? (
            <EmptyState title={t("none")} icon={IconServer2}>
              {t("noneWhy")}
            </EmptyState>
          ) : (
            <Stack gap="md">
              {upstreams.map((upstream) => (
                <UpstreamCard
                  key={upstream.name}
                  upstream={upstream}
                  onDrain={() => void change(upstream.name, "drain", othersPass(upstreams, upstream))}
                  onEnable={() => void change(upstream.name, "enable", true)}
                />
              ))}
            </Stack>
          )
        }
      </Async>
    </Page>
  );
}

function DrainText({ others }: { others: boolean }) {
  const t = useT();
  return (
    <Stack gap="xs">
      <Text size="sm">{t("drainText")}</Text>
      {!others && (
        <Text size="sm" fw={600} c="var(--sw-bad)">
          {t("drainLast")}
        </Text>
      )}
    </Stack>
  );
}

function othersPass(all: readonly Upstream[], besides: Upstream): boolean {
  return all.some((one) => one !== besides && healthOf(one) === "passing");
}
