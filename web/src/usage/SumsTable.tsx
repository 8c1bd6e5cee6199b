import { Group, ScrollArea, Table, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { useState } from "react";

import { useFormat } from "@/i18n";
import type { UsageRow } from "@/lib/api";

import { useT } from "./i18n";
import { type Dimension, type Measure, MEASURES, sorted, totalOf, valueOf } from "./sums";
import classes from "./Usage.module.css";

type Column = Dimension | Measure;

/** One row for each group, sorted by whatever is wanted, and all together at the end. */
export function SumsTable({ rows, group }: { rows: UsageRow[]; group: Dimension[] }) {
  const t = useT();
  const [chosen, setChosen] = useState<{ by: Column; down: boolean }>();
  const order = chosen && (!isDimension(chosen.by) || group.includes(chosen.by)) ? chosen : { by: group[0] === "day" ? ("day" as const) : ("requests" as const), down: true };
  const head = (column: Column, label: string) => {
    const current = order.by === column;
    const Icon = order.down ? IconArrowDown : IconArrowUp;
    return (
      <Table.Th
        key={column}
        className={isDimension(column) ? "" : (classes.number ?? "")}
        aria-sort={current ? (order.down ? "descending" : "ascending") : "none"}
      >
        <UnstyledButton
          className={classes.sort ?? ""}
          onClick={() => setChosen({ by: column, down: current ? !order.down : !isDimension(column) || column === "day" })}
        >
          <Group gap={4} wrap="nowrap" display="inline-flex">
            {label}
            {current && <Icon size={14} aria-hidden />}
          </Group>
        </UnstyledButton>
      </Table.Th>
    );
  };
  return (
    <ScrollArea type="auto" tabIndex={-1} viewportProps={{ tabIndex: 0 }}>
      <Table verticalSpacing="xs" highlightOnHover stickyHeader={false}>
        <Table.Thead>
          <Table.Tr>
            {group.map((name) => head(name, t(name)))}
            {MEASURES.map((name) => head(name, t(name === "firstEvent" ? "meanFirstEvent" : name)))}
            <Table.Th className={classes.number ?? ""}>{t("estimated")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {sorted(rows, order.by, order.down).map((row) => (
            <Row key={group.map((name) => row[name] ?? "\0").join("\n")} row={row} names={group.map((name) => row[name])} />
          ))}
        </Table.Tbody>
        {group.length > 0 && rows.length > 1 && (
          <Table.Tfoot>
            <Row row={totalOf(rows)} names={group.map((_, index) => (index === 0 ? t("total") : ""))} />
          </Table.Tfoot>
        )}
      </Table>
    </ScrollArea>
  );
}

function Row({ row, names }: { row: Omit<UsageRow, Dimension>; names: readonly (string | null)[] }) {
  const t = useT();
  const format = useFormat();
  const more = [
    row.cached_tokens > 0 ? t("cached", { n: format.short(row.cached_tokens) }) : "",
    row.reasoning_tokens > 0 ? t("reasoning", { n: format.short(row.reasoning_tokens) }) : "",
  ].filter(Boolean);
  const details = [t("inOut", { input: format.count(row.input_tokens), output: format.count(row.output_tokens) }), ...more].join(", ");
  const estimates = t("inOut", { input: format.count(row.estimated_input_tokens), output: format.count(row.estimated_output_tokens) });
  return (
    <Table.Tr>
      {names.map((name, index) => (
        <Table.Td key={index} className={classes.name ?? ""}>
          {name ?? (
            <Text span c="dimmed" fs="italic" inherit>
              {t("none")}
            </Text>
          )}
        </Table.Td>
      ))}
      <Table.Td className={classes.number ?? ""}>{format.count(row.requests)}</Table.Td>
      <Table.Td className={classes.number ?? ""}>
        <Text span inherit c={row.errors > 0 ? "var(--sw-bad)" : "dimmed"}>
          {format.count(row.errors)}
        </Text>
      </Table.Td>
      <Table.Td className={classes.number ?? ""}>
        <Tooltip label={details}>
          <span>{format.count(valueOf(row, "tokens"))}</span>
        </Tooltip>
      </Table.Td>
      <Table.Td className={classes.number ?? ""}>{format.money(row.cost)}</Table.Td>
      <Table.Td className={classes.number ?? ""}>{format.duration(valueOf(row, "firstEvent"))}</Table.Td>
      <Table.Td className={classes.number ?? ""}>
        <Tooltip label={row.estimated > 0 ? `${estimates}. ${t("estimatedWhy")}` : t("estimatedWhy")} multiline maw={300}>
          <Text span inherit c="dimmed">
            {row.estimated > 0 ? format.count(row.estimated_input_tokens + row.estimated_output_tokens) : "–"}
          </Text>
        </Tooltip>
      </Table.Td>
    </Table.Tr>
  );
}

function isDimension(column: Column): column is Dimension {
  return !(MEASURES as readonly string[]).includes(column);
}
