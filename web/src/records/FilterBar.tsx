import { Button, Collapse, Group, Select, Stack, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconAdjustmentsHorizontal, IconSearch, IconX } from "@tabler/icons-react";
import { useState } from "react";

import { ANY, type Filters as Wanted, fromLocal, hiddenCount, isAny, OUTCOMES, toLocal } from "./filters";
import { useT } from "./i18n";
import classes from "./Records.module.css";

const SLOW_S = [0.5, 1, 2, 5, 10, 30, 60, 120];
const DIALECTS = ["chat", "responses", "messages", "images"];

/** What records are wanted. */
export function FilterBar({ value, onChange }: { value: Wanted; onChange: (value: Wanted) => void }) {
  const t = useT();
  const hidden = hiddenCount(value);
  const [more, setMore] = useState(hidden > 0);
  // Fields keep what is typed; a new round empties them.
  const [round, setRound] = useState(0);
  const set = (part: Partial<Wanted>) => onChange({ ...value, ...part });
  const text = (field: "text" | "key" | "model" | "upstream" | "error_code", label: string, icon?: React.ReactNode) => (
    <Typed key={`${field}${round}`} label={label} icon={icon} value={value[field]} onChange={(typed) => set({ [field]: typed })} />
  );
  return (
    <Stack gap="xs">
      <Group gap="xs" className={classes.filters ?? ""}>
        {text("text", t("text"), <IconSearch size={16} aria-hidden />)}
        <Select
          aria-label={t("outcome")}
          placeholder={t("anyOutcome")}
          data={[{ value: "bad", label: t("bad") }, ...OUTCOMES.map((one) => ({ value: one, label: t(one) }))]}
          value={value.outcome || null}
          onChange={(chosen) => set({ outcome: (chosen ?? "") })}
          clearable
          w={190}
        />
        <Select
          aria-label={t("span")}
          placeholder={t("anySpan")}
          data={[
            { value: "1h", label: t("span1h") },
            { value: "24h", label: t("span24h") },
            { value: "7d", label: t("span7d") },
            { value: "30d", label: t("span30d") },
            { value: "own", label: t("spanOwn") },
          ]}
          value={value.span || null}
          onChange={(chosen) => set({ span: (chosen ?? "") })}
          clearable
          w={160}
        />
        <Select
          aria-label={t("slow")}
          placeholder={t("slow")}
          data={SLOW_S.map((n) => ({ value: String(n), label: t("slowS", { n }) }))}
          value={value.slow_s ? String(value.slow_s) : null}
          onChange={(chosen) => set({ slow_s: Number(chosen ?? 0) })}
          clearable
          w={190}
        />
        <Button
          variant="default"
          leftSection={<IconAdjustmentsHorizontal size={16} aria-hidden />}
          aria-expanded={more}
          onClick={() => setMore(!more)}
        >
          {hidden > 0 ? t("moreSet", { n: hidden }) : t("more")}
        </Button>
        {!isAny(value) && (
          <Button
            variant="subtle"
            color="gray"
            leftSection={<IconX size={16} aria-hidden />}
            onClick={() => {
              setRound(round + 1);
              onChange(ANY);
            }}
          >
            {t("clear")}
          </Button>
        )}
      </Group>
      {value.span === "own" && (
        <Group gap="xs" className={classes.filters ?? ""}>
          <TextInput type="datetime-local" label={t("since")} value={toLocal(value.since)} onChange={(event) => set({ since: fromLocal(event.currentTarget.value) })} />
          <TextInput type="datetime-local" label={t("until")} value={toLocal(value.until)} onChange={(event) => set({ until: fromLocal(event.currentTarget.value) })} />
        </Group>
      )}
      <Collapse expanded={more}>
        <Group gap="xs" className={classes.filters ?? ""}>
          {text("key", t("key"))}
          {text("model", t("model"))}
          {text("upstream", t("upstream"))}
          {text("error_code", t("errorCode"))}
          <Select
            aria-label={t("dialect")}
            placeholder={t("anyDialect")}
            data={DIALECTS}
            value={value.dialect || null}
            onChange={(chosen) => set({ dialect: chosen ?? "" })}
            clearable
            w={140}
          />
          <Select
            aria-label={t("kind")}
            placeholder={t("anyKind")}
            data={[
              { value: "stream", label: t("stream") },
              { value: "json", label: t("json") },
            ]}
            value={value.kind || null}
            onChange={(chosen) => set({ kind: (chosen ?? "") })}
            clearable
            w={150}
          />
        </Group>
      </Collapse>
    </Stack>
  );
}

const TYPING_MS = 400;

/** A field whose value counts when the typing rests. */
function Typed({ label, icon, value, onChange }: { label: string; icon?: React.ReactNode; value: string; onChange: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  const settle = useDebouncedCallback((text: string) => onChange(text.trim()), TYPING_MS);
  return (
    <TextInput
      aria-label={label}
      placeholder={label}
      leftSection={icon}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        settle(event.currentTarget.value);
      }}
    />
  );
}
