import { Group, ScrollArea, Stack, Table, Text, UnstyledButton } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { Link } from "react-router";

import { useFormat } from "@/i18n";
import type { RequestRecord } from "@/lib/api";

import { useT } from "./i18n";
import { OutcomeBadge } from "./OutcomeBadge";
import classes from "./Records.module.css";

interface ListProps {
  records: readonly RequestRecord[];
  /** The address of one. */
  to: (id: string) => string;
  onOpen: (id: string) => void;
}

/** A table where there is room, cards on a phone. */
export function List(props: ListProps) {
  const narrow = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false });
  return narrow ? <Cards {...props} /> : <Rows {...props} />;
}

function Rows({ records, to, onOpen }: ListProps) {
  const t = useT();
  const format = useFormat();
  const number = classes.number ?? "";
  return (
    <ScrollArea type="auto" viewportProps={{ tabIndex: 0 }}>
      <Table verticalSpacing="xs" highlightOnHover aria-label={t("list")}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("when")}</Table.Th>
            <Table.Th>{t("outcome")}</Table.Th>
            <Table.Th>{t("asked")}</Table.Th>
            <Table.Th>{t("answered")}</Table.Th>
            <Table.Th>{t("who")}</Table.Th>
            <Table.Th className={number}>{t("first")}</Table.Th>
            <Table.Th className={number}>{t("took")}</Table.Th>
            <Table.Th className={number}>{t("tokens")}</Table.Th>
            <Table.Th className={number}>{t("cost")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {records.map((record) => (
            <Table.Tr key={record.request_id} className={classes.row ?? ""} onClick={() => onOpen(record.request_id)}>
              <Table.Td className={classes.time ?? ""}>
                <Text
                  component={Link}
                  to={to(record.request_id)}
                  inherit
                  c="var(--sw-accent)"
                  aria-label={`${format.moment(record.started)}, ${t("open", { id: record.request_id })}`}
                  onClick={(event) => event.stopPropagation()}
                >
                  {format.moment(record.started)}
                </Text>
              </Table.Td>
              <Table.Td>
                <OutcomeBadge outcome={record.outcome} />
                {record.error_code !== null && (
                  <Text size="xs" c="dimmed" mt={2}>
                    {record.error_code}
                  </Text>
                )}
              </Table.Td>
              <Table.Td className={classes.name ?? ""}>{record.model ?? record.path}</Table.Td>
              <Table.Td className={classes.name ?? ""}>
                {record.upstream ?? "–"}
                {record.attempts.length > 1 && (
                  <Text span inherit c="dimmed">
                    {` ×${record.attempts.length}`}
                  </Text>
                )}
              </Table.Td>
              <Table.Td className={classes.name ?? ""}>{record.key ?? "–"}</Table.Td>
              <Table.Td className={number}>{format.duration(record.first_event_ms)}</Table.Td>
              <Table.Td className={number}>{format.duration(record.duration_ms)}</Table.Td>
              <Table.Td className={number}>
                <Tokens record={record} />
              </Table.Td>
              <Table.Td className={number}>{record.cost ? format.money(record.cost) : "–"}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
}

function Cards({ records, to }: ListProps) {
  const t = useT();
  const format = useFormat();
  return (
    <Stack gap="xs" component="ul" p={0} m={0} aria-label={t("list")}>
      {records.map((record) => (
        <li key={record.request_id} className={classes.list}>
          <UnstyledButton component={Link} to={to(record.request_id)} className={classes.entry ?? ""}>
            <Group justify="space-between" gap="xs" wrap="nowrap">
              <Text fw={600} truncate>
                {record.model ?? record.path}
              </Text>
              <OutcomeBadge outcome={record.outcome} />
            </Group>
            <Group justify="space-between" gap="xs" fz="sm" c="dimmed" className="sw-numbers">
              <span>{format.moment(record.started)}</span>
              <span>{format.duration(record.duration_ms)}</span>
            </Group>
            <Text size="sm" c="dimmed" truncate>
              {[record.key, record.upstream, record.error_code].filter(Boolean).join(" · ")}
            </Text>
          </UnstyledButton>
        </li>
      ))}
    </Stack>
  );
}

/** Input and output; estimated ones are marked. */
function Tokens({ record: { usage, usage_estimated } }: { record: RequestRecord }) {
  const format = useFormat();
  if (usage === null) return "–";
  const text = `${format.short(usage.input_tokens)} / ${format.short(usage.output_tokens)}`;
  return usage_estimated ? (
    <Text span inherit c="dimmed">
      ≈ {text}
    </Text>
  ) : (
    text
  );
}
