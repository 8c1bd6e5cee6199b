import { Accordion, Alert, Button, Code, Group, List, Stack, Table, Text, TextInput } from "@mantine/core";
import { IconRefresh, IconSearch } from "@tabler/icons-react";
import { useState } from "react";

import { useFormat } from "@/i18n";
import { api, type ApiError, asApiError, type Configuration, type ReloadResult } from "@/lib/api";
import { useApi } from "@/lib/useApi";
import { Async } from "@/ui/Async";
import { Card } from "@/ui/Card";
import { EmptyState } from "@/ui/EmptyState";
import { ErrorBox } from "@/ui/ErrorBox";
import { TimeAgo } from "@/ui/TimeAgo";

import { found, type Row, sectionsOf, textOf } from "./flatten";
import { useT } from "./i18n";
import classes from "./Settings.module.css";

/** The gateway's configuration: what is in force, and reading it again. */
export default function GatewayTab() {
  const loaded = useApi("/api/config");
  return (
    <Async from={loaded}>
      {(configuration) => (
        <Stack>
          <Source configuration={configuration} onReloaded={loaded.reload} />
          <Effective settings={configuration.settings} />
        </Stack>
      )}
    </Async>
  );
}

function Source({ configuration, onReloaded }: { configuration: Configuration; onReloaded: () => void }) {
  const t = useT();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const { files, started, can_reload: canReload, last_reload: last } = configuration;
  const reload = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await api.post("/api/config/reload");
    } catch (thrown) {
      setError(asApiError(thrown));
    }
    setBusy(false);
    onReloaded();
  };
  return (
    <Card
      title={t("source")}
      actions={
        <Button
          variant="default"
          loading={busy}
          disabled={!canReload}
          title={canReload ? undefined : t("reloadOff")}
          leftSection={<IconRefresh size={16} aria-hidden />}
          onClick={reload}
        >
          {t("reload")}
        </Button>
      }
    >
      <Stack>
        <dl className={classes.facts}>
          <dt>{t("files")}</dt>
          <dd>
            {files.length === 0 && t("noFiles")}
            {files.map((file) => (
              <div key={file}>
                <Code>{file}</Code>
              </div>
            ))}
          </dd>
          <dt>{t("started")}</dt>
          <dd>
            <TimeAgo at={started} />
          </dd>
          <dt>{t("lastReload")}</dt>
          <dd>{last ? <TimeAgo at={last.at} /> : t("never")}</dd>
        </dl>
        {last && <Result result={last} />}
        {error && <ErrorBox error={error} />}
      </Stack>
    </Card>
  );
}

function Result({ result }: { result: ReloadResult }) {
  const t = useT();
  const lists = [
    [t("problems"), result.problems],
    [t("changes"), result.changes],
    [t("needsRestart"), result.needs_restart],
  ] as const;
  const nothing = lists.every(([, items]) => items.length === 0);
  return (
    <Alert color={!result.ok ? "red" : result.needs_restart.length > 0 ? "gate" : "green"} variant="light" role="status" styles={{ title: { color: result.ok ? (result.needs_restart.length > 0 ? "var(--sw-warn)" : "var(--sw-good)") : "var(--sw-bad)" } }} title={t(result.ok ? "reloadOk" : "reloadBad")}>
      {nothing && <Text size="sm">{t("reloadNone")}</Text>}
      {lists.map(
        ([title, items]) =>
          items.length > 0 && (
            <div key={title}>
              <Text size="sm" fw={600}>
                {title}
              </Text>
              <List size="sm">
                {items.map((item) => (
                  <List.Item key={item} className={classes.value ?? ""}>
                    {item}
                  </List.Item>
                ))}
              </List>
            </div>
          ),
      )}
    </Alert>
  );
}

function Effective({ settings }: { settings: Record<string, unknown> }) {
  const t = useT();
  const [text, setText] = useState("");
  const [opened, setOpened] = useState<string[]>([]);
  const sections = found(sectionsOf(settings), text);
  const searching = text.trim() !== "";
  return (
    <Card title={t("effective")}>
      <Text size="sm" c="dimmed" mb="sm">
        {t("effectiveWhy")}
      </Text>
      <TextInput
        aria-label={t("search")}
        placeholder={t("searchHint")}
        leftSection={<IconSearch size={16} aria-hidden />}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        maw={360}
        mb="sm"
      />
      {sections.length === 0 && <EmptyState title={t("noMatch")} />}
      <Accordion multiple value={searching ? sections.map(idOf) : opened} onChange={setOpened} order={3} variant="default">
        {sections.map(({ path, name, rows }) => (
          <Accordion.Item key={path} value={idOf({ path })}>
            <Accordion.Control>
              <Group gap="sm" justify="space-between" pr="md">
                <span>
                  <span className={classes.path}>{path || t("other")}</span> {name && <strong>{name}</strong>}
                </span>
                <Text size="sm" c="dimmed">
                  {t("rows", { n: rows.length })}
                </Text>
              </Group>
            </Accordion.Control>
            <Accordion.Panel>
              <Rows rows={rows} />
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
    </Card>
  );
}

/** The accordion has no empty ones. */
function idOf({ path }: { path: string }): string {
  return path || "*";
}

function Rows({ rows }: { rows: readonly Row[] }) {
  const format = useFormat();
  const meaning = ({ path, value }: Row): string => {
    if (typeof value !== "number" || value === 0) return "";
    if (path.endsWith("_s") && value >= 60) return format.duration(value * 1000);
    return path.endsWith("_bytes") && value >= 1024 ? format.bytes(value) : "";
  };
  return (
    <Table verticalSpacing={4} layout="fixed">
      <Table.Tbody>
        {rows.map((row) => (
          <Table.Tr key={row.path}>
            <Table.Th scope="row" className={classes.path ?? ""} fw={400}>
              {row.path}
            </Table.Th>
            <Table.Td className={classes.path ?? ""}>
              {textOf(row.value)}
              {meaning(row) && (
                <Text span inherit c="dimmed">
                  {`  ${meaning(row)}`}
                </Text>
              )}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
