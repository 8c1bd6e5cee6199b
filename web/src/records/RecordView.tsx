import { Alert, Anchor, Button, Code, Group, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle, IconTimeline } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";

import { useFormat } from "@/i18n";
import type { RequestRecord, Try } from "@/lib/api";
import { CopyButton } from "@/ui/CopyButton";

import { CaptureView } from "./CaptureView";
import { courseOf } from "./course";
import { Facts } from "./Facts";
import { useT } from "./i18n";
import { OutcomeBadge } from "./OutcomeBadge";
import classes from "./Records.module.css";

/** All that a record says. `hasTimeline`: perhaps the gateway remembers more, under streams. */
export function RecordView({ record, hasTimeline }: { record: RequestRecord; hasTimeline: boolean }) {
  const t = useT();
  const format = useFormat();
  const [captured, setCaptured] = useState(false);
  return (
    <Stack gap="lg">
      <div>
        <Group gap="xs">
          <OutcomeBadge outcome={record.outcome} />
          <Code fz="sm">{record.request_id}</Code>
          <CopyButton value={record.request_id} />
        </Group>
        <Text mt="xs">
          <Text span fw={600}>
            {record.model ?? record.path}
          </Text>{" "}
          <Text span c="dimmed">
            {[record.upstream, format.moment(record.started), format.duration(record.duration_ms)].filter(Boolean).join(" · ")}
          </Text>
        </Text>
        {hasTimeline && (
          <Anchor component={Link} to={`/streams/${record.request_id}`} size="sm">
            <IconTimeline size={15} aria-hidden className={classes.icon} /> {t("timeline")}
          </Anchor>
        )}
      </div>
      {record.error_message !== null && (
        <Alert color="red" variant="light" icon={<IconAlertTriangle size={20} aria-hidden />} title={record.error_code ?? t(record.outcome)}>
          {record.error_message}
        </Alert>
      )}
      <Course record={record} />
      {record.attempts.length > 0 && <Attempts attempts={record.attempts} />}
      <Facts record={record} />
      {captured ? (
        <CaptureView id={record.request_id} />
      ) : (
        <Group>
          <Button variant="default" onClick={() => setCaptured(true)}>
            {t("captureShow")}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function Course({ record }: { record: RequestRecord }) {
  const t = useT();
  const format = useFormat();
  const parts = courseOf(record);
  if (parts.length === 0) return null;
  return (
    <section>
      <Title order={3} size="h5" mb="xs">
        {t("course")}
      </Title>
      <div className={classes.course} aria-hidden>
        {parts.map(({ name, from, to }) => (
          <span key={name} data-part={name} style={{ flexGrow: to - from }} />
        ))}
      </div>
      <Group gap="md" mt="xs" component="ul" p={0} m={0}>
        {parts.map(({ name, from, to }) => (
          <Text key={name} component="li" size="sm" className="sw-numbers" style={{ listStyle: "none" }}>
            <span className={classes.swatch} data-part={name} />
            {t(name)} {format.duration(to - from)}
          </Text>
        ))}
      </Group>
    </section>
  );
}

function Attempts({ attempts }: { attempts: readonly Try[] }) {
  const t = useT();
  const format = useFormat();
  return (
    <section>
      <Title order={3} size="h5" mb="xs">
        {t("attempts")}
      </Title>
      <Stack gap={6} component="ol" p={0} m={0} style={{ listStyle: "none" }}>
        {attempts.map((attempt, index) => (
          <Group key={index} component="li" gap="sm" fz="sm" className="sw-numbers">
            <Text span inherit fw={600}>
              {t("attempt", { n: index + 1, upstream: attempt.upstream })}
            </Text>
            {attempt.key !== null && (
              <Text span inherit c="dimmed">
                {t("attemptKey", { n: attempt.key })}
              </Text>
            )}
            {attempt.status !== null && <Code>{attempt.status}</Code>}
            {attempt.error_code !== null && (
              <Text span inherit c="var(--sw-bad)">
                {attempt.error_code}
              </Text>
            )}
            <Text span inherit c="dimmed">
              {t("attemptWhen", { after: format.duration(attempt.after_ms), over: format.duration(attempt.over_ms) })}
            </Text>
          </Group>
        ))}
      </Stack>
    </section>
  );
}
