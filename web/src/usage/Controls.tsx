import { Chip, Group, SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";

import { useT } from "./i18n";
import { type Dimension, DIMENSIONS, lastDays } from "./sums";
import classes from "./Usage.module.css";

export interface Choice {
  /** Days in UTC, both included. */
  since: string;
  until: string;
  group: Dimension[];
  only: { key?: string; model?: string; upstream?: string };
}

const SPANS = [1, 7, 30, 90];
const OWN = "own";

/** Which days, which requests, and what is told apart. */
export function Controls({ choice, onChange }: { choice: Choice; onChange: (choice: Choice) => void }) {
  const t = useT();
  const [span, setSpan] = useState("30");
  return (
    <Stack gap="sm">
      <Group gap="md" align="flex-end">
        <SegmentedControl
          size="sm"
          className={classes.days ?? ""}
          aria-label={t("days")}
          value={span}
          onChange={(value) => {
            setSpan(value);
            if (value !== OWN) onChange({ ...choice, ...lastDays(Number(value), Date.now()) });
          }}
          data={[...SPANS.map((n) => ({ value: String(n), label: t("lastDays", { n }) })), { value: OWN, label: t("own") }]}
        />
        {span === OWN && (
          <>
            <TextInput
              type="date"
              label={t("since")}
              value={choice.since}
              max={choice.until}
              onChange={(event) => onChange({ ...choice, since: event.currentTarget.value })}
            />
            <TextInput
              type="date"
              label={t("until")}
              value={choice.until}
              min={choice.since}
              onChange={(event) => onChange({ ...choice, until: event.currentTarget.value })}
            />
          </>
        )}
        {(["key", "model", "upstream"] as const).map((name) => (
          <Only key={name} label={t(name)} onChange={(value) => onChange({ ...choice, only: { ...choice.only, [name]: value || undefined } })} />
        ))}
      </Group>
      <Group gap="sm">
        <Text size="sm" c="dimmed" id="usage-group">
          {t("group")}
        </Text>
        <Chip.Group multiple value={choice.group} onChange={(group) => onChange({ ...choice, group: group })}>
          <Group gap="xs" role="group" aria-labelledby="usage-group">
            {DIMENSIONS.map((name) => (
              <Chip key={name} value={name} size="sm" variant="light">
                {t(name)}
              </Chip>
            ))}
          </Group>
        </Chip.Group>
        <Text size="sm" c="dimmed">
          {t("utc")}
        </Text>
      </Group>
    </Stack>
  );
}

const TYPING_MS = 400;

/** A name; asked for when the typing rests. */
function Only({ label, onChange }: { label: string; onChange: (value: string) => void }) {
  const t = useT();
  const [text, setText] = useState("");
  const settle = useDebouncedCallback((value: string) => onChange(value.trim()), TYPING_MS);
  return (
    <TextInput
      aria-label={`${t("only")}: ${label}`}
      placeholder={label}
      value={text}
      flex={1}
      miw={110}
      maw={180}
      onChange={(event) => {
        setText(event.currentTarget.value);
        settle(event.currentTarget.value);
      }}
    />
  );
}
