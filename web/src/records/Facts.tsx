import { SimpleGrid, Text, Title } from "@mantine/core";
import { Fragment, type ReactNode } from "react";

import { useFormat } from "@/i18n";
import type { RequestRecord } from "@/lib/api";

import { tokensPerSecond } from "./course";
import { useT } from "./i18n";
import classes from "./Records.module.css";

/** Fields of a record, by what they are about. Their names are those of the API, as a search or an export has them. */
const GROUPS = {
  request: ["started", "method", "path", "client", "key", "dialect", "model", "stream", "bytes_in", "traceparent"],
  answer: [
    "status",
    "outcome",
    "finish_reason",
    "error_code",
    "committed_by",
    "upstream",
    "upstream_model",
    "upstream_status",
    "upstream_request_id",
    "translated_to",
    "dropped",
    "retries",
    "hedged",
    "continued",
    "client_left",
    "bytes_out",
    "events",
    "heartbeats",
  ],
  timing: ["queued_ms", "connect_ms", "head_ms", "first_event_ms", "first_content_ms", "last_event_ms", "largest_gap_ms", "duration_ms"],
} as const satisfies Record<string, readonly (keyof RequestRecord)[]>;

export function Facts({ record }: { record: RequestRecord }) {
  const t = useT();
  const format = useFormat();
  const shown = (name: keyof RequestRecord): ReactNode => {
    const value = record[name];
    if (value === null || (Array.isArray(value) && value.length === 0)) return <Text span inherit c="dimmed">{"–"}</Text>;
    if (typeof value === "boolean") return t(value ? "yes" : "no");
    if (name === "started") return format.moment(record.started);
    if (typeof value === "number" && name.endsWith("_ms")) return format.duration(value);
    if (typeof value === "number" && name.startsWith("bytes")) return format.bytes(value);
    if (typeof value === "string" || typeof value === "number") return value;
    return name === "dropped" ? record.dropped.join(", ") : JSON.stringify(value);
  };
  const rate = tokensPerSecond(record);
  const usage = record.usage ? Object.entries(record.usage).filter(([, value]) => value !== null) : [];
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="lg">
      {(Object.keys(GROUPS) as (keyof typeof GROUPS)[]).map((group) => (
        <section key={group}>
          <Title order={3} size="h5" mb="xs">
            {t(group)}
          </Title>
          <dl className={classes.facts}>
            {GROUPS[group].map((name) => (
              <Fragment key={name}>
                <dt>{name}</dt>
                <dd>{shown(name)}</dd>
              </Fragment>
            ))}
          </dl>
        </section>
      ))}
      <section>
        <Title order={3} size="h5" mb="xs">
          {t("usage")}
        </Title>
        {record.usage_estimated && (
          <Text size="sm" c="var(--sw-warn)" mb={4}>
            {t("usageEstimated")}
          </Text>
        )}
        <dl className={classes.facts}>
          {usage.map(([name, value]) => (
            <Fragment key={name}>
              <dt>{name}</dt>
              <dd>{format.count(value as number)}</dd>
            </Fragment>
          ))}
          <dt>{t("tokensPerSecond")}</dt>
          <dd>{rate === null ? "–" : format.count(rate)}</dd>
          <dt>{t("cost")}</dt>
          <dd>{format.money(record.cost)}</dd>
        </dl>
      </section>
    </SimpleGrid>
  );
}
