import { Button, Code, Group, Progress, Stack, Table, Text } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { useFormat } from "@/i18n";
import type { Upstream } from "@/lib/api";
import { Card } from "@/ui/Card";
import { useNow } from "@/ui/TimeAgo";

import { healthOf, textOf, untilMs } from "./health";
import { HealthBadge } from "./HealthBadge";
import { useT } from "./i18n";
import classes from "./Upstreams.module.css";

interface Props {
  upstream: Upstream;
  onDrain: () => void;
  onEnable: () => void;
}

/** One upstream: how it is, what it does now, and the means to take it out of service. */
export function UpstreamCard({ upstream, onDrain, onEnable }: Props) {
  const t = useT();
  const format = useFormat();
  const now = useNow(1000);
  const { name, drained, settings, in_flight, first_event_s, circuit } = upstream;
  const most = typeof settings.max_in_flight === "number" ? settings.max_in_flight : 0;
  const back = untilMs(upstream.circuit_until, now);
  const proxy = textOf(settings, "proxy");
  return (
    <Card
      title={
        <Group gap="sm">
          {name}
          <HealthBadge health={healthOf(upstream)} />
        </Group>
      }
      actions={
        <Group gap="xs">
          <Button component={Link} to={`/streams?text=${encodeURIComponent(name)}`} variant="subtle" size="xs">
            {t("streams")}
          </Button>
          {drained ? (
            <Button size="xs" leftSection={<IconPlayerPlay size={15} aria-hidden />} onClick={onEnable}>
              {t("enable")}
            </Button>
          ) : (
            <Button size="xs" variant="default" leftSection={<IconPlayerPause size={15} aria-hidden />} onClick={onDrain}>
              {t("drain")}
            </Button>
          )}
        </Group>
      }
    >
      <Stack gap="md">
        <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          {textOf(settings, "base_url")}
        </Text>
        {circuit === "open" && (
          <Text size="sm" c="var(--sw-bad)" role="status">
            {t("openWhy")} {back === null ? t("tryNow") : t("tryAgain", { time: format.duration(back) })}
          </Text>
        )}
        <dl className={classes.facts}>
          <Fact name={t("inFlight")}>
            <Text component="span" fz={22} fw={650} className="sw-numbers">
              {format.count(in_flight)}
            </Text>{" "}
            {most > 0 && (
              <>
                <Text component="span" size="sm" c="dimmed">
                  {t("ofMost", { n: most })}
                </Text>
                <Progress value={(100 * in_flight) / most} size="sm" mt={4} aria-label={t("inFlight")} />
              </>
            )}
          </Fact>
          <Fact name={t("firstEvent")}>
            <Text component="span" fz={22} fw={650} className="sw-numbers">
              {format.duration(first_event_s === null ? null : first_event_s * 1000)}
            </Text>
          </Fact>
          <Fact name={t("dialects")}>{textOf(settings, "dialects")}</Fact>
          {proxy !== "" && <Fact name={t("proxy")}>{proxy}</Fact>}
          <Fact name={t("keys")}>
            <Keys upstream={upstream} nowMs={now} />
          </Fact>
        </dl>
        {upstream.workers.length > 1 && <Workers upstream={upstream} nowMs={now} />}
        <details className={classes.details}>
          <summary>{t("settings")}</summary>
          <Code block className={classes.settings ?? ""} tabIndex={0}>
            {JSON.stringify(settings, null, 2)}
          </Code>
        </details>
      </Stack>
    </Card>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <Text component="dt" size="sm" c="dimmed">
        {name}
      </Text>
      <Text component="dd" m={0}>
        {children}
      </Text>
    </div>
  );
}

function Keys({ upstream, nowMs }: { upstream: Upstream; nowMs: number }) {
  const t = useT();
  const format = useFormat();
  const rest = untilMs(upstream.keys_rest_until, nowMs);
  if (upstream.keys.length === 0) return t("noKeys");
  return (
    <>
      {upstream.keys.map(({ index, refused_until }) => {
        const left = untilMs(refused_until, nowMs);
        return (
          <Text key={index} component="span" display="block" c={left === null ? undefined : "var(--sw-bad)"}>
            {t("key", { n: index })}: {left === null ? t("keyFine") : t("keyRests", { time: format.duration(left) })}
          </Text>
        );
      })}
      {rest !== null && (
        <Text component="span" display="block" size="sm" c="var(--sw-warn)">
          {t("someRest", { time: format.duration(rest) })}
        </Text>
      )}
    </>
  );
}

function Workers({ upstream, nowMs }: { upstream: Upstream; nowMs: number }) {
  const t = useT();
  const format = useFormat();
  return (
    <Table.ScrollContainer minWidth={420} type="native">
      <Table aria-label={t("workers")}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("worker")}</Table.Th>
            <Table.Th>{t("circuit")}</Table.Th>
            <Table.Th>{t("inFlight")}</Table.Th>
            <Table.Th>{t("firstEvent")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {upstream.workers.map((one) => {
            const back = untilMs(one.circuit_until, nowMs);
            return (
              <Table.Tr key={one.worker}>
                <Table.Td>{one.worker}</Table.Td>
                <Table.Td>
                  <Group gap="xs">
                    <HealthBadge health={healthOf(one)} />
                    {back !== null && t("tryAgain", { time: format.duration(back) })}
                  </Group>
                </Table.Td>
                <Table.Td className="sw-numbers">{format.count(one.in_flight)}</Table.Td>
                <Table.Td className="sw-numbers">{format.duration(one.first_event_s === null ? null : one.first_event_s * 1000)}</Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
