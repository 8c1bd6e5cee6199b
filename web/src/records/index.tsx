import { Button, Center, Group, Menu, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconChevronLeft, IconChevronRight, IconDownload, IconRefresh } from "@tabler/icons-react";
import { useState } from "react";
import { useNavigate, useSearchParams } from "react-router";

import { apiFetch, apiUrl, type ApiError, asApiError } from "@/lib/api";
import { useApi } from "@/lib/useApi";
import { Async } from "@/ui/Async";
import { Card } from "@/ui/Card";
import { EmptyState } from "@/ui/EmptyState";
import { ErrorBox } from "@/ui/ErrorBox";
import { download } from "@/usage/download";

import { Detail } from "./Detail";
import { FilterBar } from "./FilterBar";
import { type Filters as Wanted, isAny, type Query, queryOf, readFilters, writeFilters } from "./filters";
import { useT } from "./i18n";
import { List } from "./List";

const PAGE = 50;

/** Requests one by one; `open`: the id of the one that is looked at. */
export default function Records({ open }: { open: string }) {
  const t = useT();
  const navigate = useNavigate();
  const [search, setSearch] = useSearchParams();
  const wanted = readFilters(search);
  // Spans are counted back from the moment of asking, so that paging does not move what is paged.
  const [asked, setAsked] = useState(() => ({ nowS: Date.now() / 1000, cursors: [] as string[] }));
  const query = queryOf(wanted, asked.nowS);
  const cursor = asked.cursors.at(-1);
  const loaded = useApi("/api/records", { query: { ...query, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) } });

  const restart = () => setAsked({ nowS: Date.now() / 1000, cursors: [] });
  const change = (next: Wanted) => {
    restart();
    setSearch(writeFilters(next), { replace: true });
  };
  const to = (id: string) => `/usage/records/${id}?${search.toString()}`;
  const again = () => {
    restart();
    loaded.reload();
  };

  return (
    <Stack>
      <FilterBar value={wanted} onChange={change} />
      <Card
        title={t("list")}
        actions={
          <Group gap="xs">
            <Button variant="default" size="xs" leftSection={<IconRefresh size={16} aria-hidden />} onClick={again}>
              {t("reload")}
            </Button>
            <Export query={query} />
          </Group>
        }
      >
        <Async from={loaded}>
          {({ records, cursor: next }) =>
            records.length === 0 ? (
              <EmptyState title={isAny(wanted) ? t("empty") : t("noMatch")}>{isAny(wanted) && t("emptyWhy")}</EmptyState>
            ) : (
              <Stack>
                <List records={records} to={to} onOpen={(id) => void navigate(to(id))} />
                <Pager
                  page={asked.cursors.length + 1}
                  onNewer={() => setAsked({ ...asked, cursors: asked.cursors.slice(0, -1) })}
                  {...(next === null ? {} : { onOlder: () => setAsked({ ...asked, cursors: [...asked.cursors, next] }) })}
                />
              </Stack>
            )
          }
        </Async>
      </Card>
      {open !== "" && <Detail id={open} onClose={() => void navigate(`/usage/records?${search.toString()}`)} />}
    </Stack>
  );
}

function Pager({ page, onNewer, onOlder }: { page: number; onNewer: () => void; onOlder?: () => void }) {
  const t = useT();
  if (page === 1 && !onOlder) return null;
  return (
    <Group justify="center" gap="sm">
      <Button variant="default" size="xs" disabled={page === 1} onClick={onNewer} leftSection={<IconChevronLeft size={16} aria-hidden />}>
        {t("newer")}
      </Button>
      <Text size="sm" c="dimmed" aria-live="polite">
        {t("page", { n: page })}
      </Text>
      <Button variant="default" size="xs" disabled={!onOlder} onClick={onOlder} rightSection={<IconChevronRight size={16} aria-hidden />}>
        {t("older")}
      </Button>
    </Group>
  );
}

/** All that match, not only this page, as a file. */
function Export({ query }: { query: Query }) {
  const t = useT();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const save = async (format: "csv" | "jsonl") => {
    setBusy(true);
    setError(undefined);
    notifications.show({ id: "export", message: t("exporting"), loading: true, autoClose: false });
    try {
      const response = await apiFetch(apiUrl("/api/records/export", {}, { ...query, format }));
      download(`records-${new Date().toISOString().slice(0, 10)}.${format}`, await response.blob());
    } catch (thrown) {
      setError(asApiError(thrown));
    } finally {
      notifications.hide("export");
      setBusy(false);
    }
  };
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" size="xs" loading={busy} leftSection={<IconDownload size={16} aria-hidden />}>
            {t("export")}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => save("csv")}>{t("exportCsv")}</Menu.Item>
          <Menu.Item onClick={() => save("jsonl")}>{t("exportJsonl")}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {error && (
        <Center w="100%">
          <ErrorBox error={error} />
        </Center>
      )}
    </>
  );
}

