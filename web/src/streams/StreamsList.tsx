import { Alert, Badge, Button, Center, Loader, Stack, Tooltip } from "@mantine/core";
import { IconRipple } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { Link, useSearchParams } from "react-router";

import { ErrorBox } from "@/ui/ErrorBox";
import { EmptyState } from "@/ui/EmptyState";
import { Page } from "@/ui/Page";
import { type Shortcut, useShortcuts } from "@/ui/shortcuts";
import { useNow } from "@/ui/TimeAgo";

import { gateway, gatewayS } from "./clock";
import { chosen, counts, type Filter, readFilter, writeFilter } from "./filter";
import { FilterBar } from "./FilterBar";
import { useT } from "./i18n";
import { useStreams } from "./live";
import { StreamsTable } from "./StreamsTable";
import { isUnheard } from "./table";
import { useStore } from "@/lib/persisted";

/** So many rows are drawn at once: each is drawn anew as its stream goes on. */
const PAGE = 100;

export function StreamsList() {
  const t = useT();
  const { table, loaded, connected, error, reload } = useStreams();
  const [query, setQuery] = useSearchParams();
  const [most, setMost] = useState(PAGE);
  const { workers } = useStore(gateway);
  const nowMs = useNow(500);
  const now = { pageMs: nowMs, gatewayS: gatewayS(nowMs) };
  const filter = useMemo(() => readFilter(query), [query]);
  const set = (wanted: Filter) => setQuery(writeFilter(wanted), { replace: true });
  useKeys(filter, set);

  const rows = chosen(table, filter, now);
  const missing = table.heard === undefined ? 0 : Math.max(0, workers - table.heard.length);
  return (
    <Page title={t("title")} layout="wide" admin beside={loaded && <LiveBadge connected={connected} />}>
      {error !== undefined && <ErrorBox error={error} onRetry={reload} />}
      {!loaded && error === undefined && (
        <Center py={64}>
          <Loader type="dots" />
        </Center>
      )}
      {missing > 0 && (
        <Alert color="gate" variant="light" mb="md">
          {t("unheard", { n: missing })}
        </Alert>
      )}
      {loaded && table.rows.size === 0 && (
        <EmptyState title={t("none")} icon={IconRipple}>
          <Stack align="center">
            {t("noneWhy")}
            <Button component={Link} to="/chat" variant="light">
              {t("toChat")}
            </Button>
          </Stack>
        </EmptyState>
      )}
      {table.rows.size > 0 && (
        <>
          <FilterBar filter={filter} counts={counts(table, now)} onChange={set} />
          {rows.length > 0 ? (
            <StreamsTable
              rows={rows.slice(0, most)}
              now={now}
              order={filter.order}
              onOrder={(order) => set({ ...filter, order })}
              isOld={(row) => isUnheard(table, row.stream)}
            />
          ) : (
            <EmptyState title={t("noMatch")} icon={IconRipple}>
              <Stack align="center">
                {t("noMatchWhy")}
                <Button variant="light" onClick={() => setQuery({}, { replace: true })}>
                  {t("clear")}
                </Button>
              </Stack>
            </EmptyState>
          )}
          {rows.length > most && (
            <Center mt="md">
              <Button variant="default" onClick={() => setMost(most + PAGE)}>
                {t("showMore", { n: Math.min(PAGE, rows.length - most) })}
              </Button>
            </Center>
          )}
        </>
      )}
    </Page>
  );
}

function LiveBadge({ connected }: { connected: boolean }) {
  const t = useT();
  return (
    <Tooltip label={t(connected ? "liveWhy" : "pausedWhy")} multiline maw={320}>
      <Badge variant="dot" color={connected ? "water" : "gate"} tt="none" role="status">
        {t(connected ? "live" : "paused")}
      </Badge>
    </Tooltip>
  );
}

function useKeys(filter: Filter, set: (filter: Filter) => void): void {
  const t = useT();
  const shortcuts = useMemo<Shortcut[]>(
    () => [
      { keys: ["/"], label: t("searchLabel"), run: () => document.querySelector<HTMLElement>("[data-find-streams]")?.focus() },
      { keys: ["a"], label: t("view_all"), run: () => set({ ...filter, view: "all" }) },
      { keys: ["r"], label: t("view_running"), run: () => set({ ...filter, view: "running" }) },
      { keys: ["b"], label: t("view_broken"), run: () => set({ ...filter, view: "broken" }) },
      { keys: ["w"], label: t("view_slow"), run: () => set({ ...filter, view: "slow" }) },
    ],
    // What sets the address does the same each time it is made.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [t, filter],
  );
  useShortcuts(shortcuts);
}
