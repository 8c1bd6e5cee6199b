import { ActionIcon, Code, Group, SegmentedControl, Stack, Text, Title } from "@mantine/core";
import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { useMemo, useState } from "react";

import { useFormat } from "@/i18n";
import { CopyButton } from "@/ui/CopyButton";

import { decoded } from "./decode";
import { useT } from "./i18n";
import { COLOURS, groupOf } from "./kinds";
import palette from "./Palette.module.css";
import type { Story } from "./timeline";

interface Props {
  story: Story;
  selected: number | undefined;
  onSelect: (number: number) => void;
}

/** One event: its figures, and what it says, if the operator allows that to be shown. */
export function EventContent({ story, selected, onSelect }: Props) {
  const t = useT();
  const format = useFormat();
  const [form, setForm] = useState<"decoded" | "raw">("decoded");
  const place = story.events.findIndex((one) => one.number === selected);
  const event = story.events[place];
  const content = event?.content ?? null;
  const said = useMemo(() => (content === null ? undefined : decoded(content)), [content]);
  if (event === undefined) {
    return (
      <Text c="dimmed" size="sm">
        {t("pickEvent")}
      </Text>
    );
  }
  const facts = [
    t("readAt", { time: format.duration(event.ms) }),
    format.bytes(event.size),
    ...(event.gap_ms === null ? [] : [t("readGap", { time: format.duration(event.gap_ms) })]),
    ...(said?.id ? [`id ${said.id}`] : []),
  ];
  const text = form === "raw" ? content : (said?.text ?? content);
  const step = (by: number) => {
    const next = story.events[place + by];
    if (next !== undefined) onSelect(next.number);
  };
  return (
    <Stack gap="xs">
      <Group justify="space-between" wrap="nowrap">
        <Title order={3} size="h5">
          {t("eventTitle", { n: event.number })}
        </Title>
        <Group gap={4}>
          <ActionIcon variant="default" aria-label={t("previous")} disabled={place === 0} onClick={() => step(-1)}>
            <IconChevronLeft size={16} aria-hidden />
          </ActionIcon>
          <ActionIcon variant="default" aria-label={t("next")} disabled={place === story.events.length - 1} onClick={() => step(1)}>
            <IconChevronRight size={16} aria-hidden />
          </ActionIcon>
        </Group>
      </Group>
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>
        <span className={palette.dot} style={{ background: COLOURS[groupOf(event.kind)] }} />
        {said?.name && said.name !== event.kind ? `${event.kind} (${said.name})` : event.kind}
      </Text>
      <Text size="sm" c="dimmed" className="sw-numbers">
        {facts.join(" · ")}
      </Text>
      {text === null ? (
        <Text size="sm" c="dimmed">
          {t("noContent")}
        </Text>
      ) : (
        <>
          <Group justify="space-between">
            <SegmentedControl
              size="xs"
              value={form}
              onChange={setForm}
              aria-label={t("contentLabel")}
              data={[
                { value: "decoded", label: t("decoded") },
                { value: "raw", label: t("raw") },
              ]}
            />
            <CopyButton value={text} />
          </Group>
          <Code block mah={270} style={{ overflow: "auto", whiteSpace: "pre-wrap", overflowWrap: "anywhere" }} tabIndex={0} aria-label={t("contentLabel")}>
            {text}
          </Code>
        </>
      )}
    </Stack>
  );
}
