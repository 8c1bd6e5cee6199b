import { ActionIcon, Badge, Code, Group, Menu, Paper, Progress, SimpleGrid, Text, Tooltip } from "@mantine/core";
import { IconBan, IconDots, IconFileText, IconListSearch, IconPencil, IconRefresh } from "@tabler/icons-react";
import { Link } from "react-router";

import { useFormat } from "@/i18n";
import type { Key } from "@/lib/api";
import { TimeAgo } from "@/ui/TimeAgo";

import { useT } from "./i18n";
import classes from "./Keys.module.css";
import { type Spent, spentOf, toneOf } from "./use";

const STATE_COLOR = { active: "green", expired: "gate", revoked: "gray" } as const;

export interface KeyActions {
  onEdit: (key: Key) => void;
  onRotate: (key: Key) => void;
  onRevoke: (key: Key) => void;
}

/** One key: who it is, what it may do, how much of that is used. */
export function KeyRow({ item: key, ...actions }: KeyActions & { item: Key }) {
  const t = useT();
  const format = useFormat();
  const spent = spentOf(key);
  const hasLimits = spent.length > 0;
  return (
    <Paper component="article" withBorder radius="lg" p="lg" bg="var(--sw-surface)" aria-label={key.name} data-state={key.state} className={classes.row}>
      <Group justify="space-between" wrap="nowrap" align="flex-start" gap="sm">
        <div className={classes.who}>
          <Group gap="xs">
            <Text fw={650} fz="lg" className={classes.name}>
              {key.name}
            </Text>
            <Badge
              variant="light"
              color={STATE_COLOR[key.state]}
              className={classes.badge}
              {...(key.state === "active" ? { c: "var(--sw-good)" } : {})}
            >
              {t(key.state)}
            </Badge>
            {key.in_flight > 0 && (
              <Badge variant="light" color="water" className={classes.badge}>
                {t("running", { n: key.in_flight })}
              </Badge>
            )}
            {key.kept_in === "configuration" && (
              <Tooltip label={t("fromFileWhy")} multiline maw={280}>
                <Badge variant="default" className={classes.badge} leftSection={<IconFileText size={12} aria-hidden />} tabIndex={0}>
                  {t("fromFile")}
                </Badge>
              </Tooltip>
            )}
          </Group>
          {key.settings.owner && <Text c="dimmed">{key.settings.owner}</Text>}
        </div>
        <RowMenu item={key} {...actions} />
      </Group>
      <Facts item={key} />
      {hasLimits && (
        <SimpleGrid cols={{ base: 1, xs: 2, lg: 3, xl: 4 }} spacing="lg" verticalSpacing="sm" mt="md">
          {spent.map((one) => (
            <Bar key={one.limit} spent={one} />
          ))}
        </SimpleGrid>
      )}
      {key.previous_until !== null && (
        <Text size="sm" c="var(--sw-warn)" mt="sm">
          {t("previousUntil", { time: format.moment(key.previous_until) })}
        </Text>
      )}
    </Paper>
  );
}

function Bar({ spent: { limit, used, most, share, money } }: { spent: Spent }) {
  const t = useT();
  const format = useFormat();
  const figure = (value: number) => (money ? format.money(value) : format.short(value));
  const tone = toneOf(share);
  const words = t("of", { used: figure(used), most: figure(most) });
  return (
    <div>
      <Group justify="space-between" gap="xs" mb={4}>
        <Text size="sm" c="dimmed">
          {t(limit)}
        </Text>
        <Text size="sm" className="sw-numbers" c={tone === "good" ? undefined : `var(--sw-${tone})`}>
          {words}
        </Text>
      </Group>
      <Progress.Root size={6}>
        <Progress.Section
          value={Math.min(100, share * 100)}
          color={tone === "good" ? "var(--sw-accent)" : `var(--sw-${tone})`}
          aria-label={`${t(limit)}: ${words}`}
        />
      </Progress.Root>
    </div>
  );
}

function Facts({ item: { settings, state, created, revoked, use } }: { item: Key }) {
  const t = useT();
  const format = useFormat();
  const limited = (["requests_per_minute", "tokens_per_minute", "tokens_per_day", "tokens_per_month", "cost_per_day", "cost_per_month"] as const).some(
    (limit) => settings[limit] > 0,
  );
  return (
    <Group gap="lg" mt="xs" c="dimmed" fz="sm" className={classes.facts}>
      {settings.models.length > 0 && <Names label={t("models")} names={settings.models} />}
      {settings.dialects.length > 0 && <Names label={t("dialects")} names={settings.dialects} />}
      {settings.allowed_ips.length > 0 && <Names label={t("networks")} names={settings.allowed_ips} />}
      {settings.priority > 1 && <span>{t("priorityIs", { n: settings.priority })}</span>}
      {settings.capture && <span>{t("captured")}</span>}
      {settings.expires && (
        <span>
          {t(state === "expired" ? "expiredAt" : "expires")} {settings.expires}
        </span>
      )}
      {created !== null && (
        <span>
          {t("created")} <TimeAgo at={created} span />
        </span>
      )}
      {revoked !== null && <span>{`${t("revokedAt")} ${format.moment(revoked)}`}</span>}
      {!limited && settings.max_in_flight === 0 && <span>{t("noLimits")}</span>}
      {limited && use === null && <span>{t("unknownUse")}</span>}
    </Group>
  );
}

function Names({ label, names }: { label: string; names: readonly string[] }) {
  return (
    <span>
      {label}{" "}
      {names.map((name) => (
        <Code key={name} mr={4}>
          {name}
        </Code>
      ))}
    </span>
  );
}

function RowMenu({ item: key, onEdit, onRotate, onRevoke }: KeyActions & { item: Key }) {
  const t = useT();
  const mayChange = key.kept_in === "keys file" && key.state !== "revoked";
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("actions", { name: key.name })}>
          <IconDots size={20} stroke={1.7} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component={Link} to={`/usage/records?key=${encodeURIComponent(key.name)}`} leftSection={<IconListSearch size={16} aria-hidden />}>
          {t("requests")}
        </Menu.Item>
        {!mayChange && key.kept_in === "configuration" && <Menu.Label maw={260}>{t("fromFileWhy")}</Menu.Label>}
        {mayChange && (
          <>
            <Menu.Item leftSection={<IconPencil size={16} aria-hidden />} onClick={() => onEdit(key)}>
              {t("edit")}
            </Menu.Item>
            <Menu.Item leftSection={<IconRefresh size={16} aria-hidden />} onClick={() => onRotate(key)}>
              {t("rotate")}
            </Menu.Item>
            <Menu.Divider />
            <Menu.Item color="red" leftSection={<IconBan size={16} aria-hidden />} onClick={() => onRevoke(key)}>
              {t("revoke")}
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
