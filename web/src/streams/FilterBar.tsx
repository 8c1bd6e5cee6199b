import { CloseButton, MultiSelect, SegmentedControl, Switch, TextInput, Tooltip, VisuallyHidden } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";

import { useFormat } from "@/i18n";

import { type Filter, OUTCOMES, SLOW_MS, type View, VIEWS } from "./filter";
import classes from "./FilterBar.module.css";
import { useT } from "./i18n";

interface Props {
  filter: Filter;
  counts: Readonly<Record<View, number>>;
  onChange: (filter: Filter) => void;
}

/** What to look at: the views that are asked for most, each with how many there are, and finer means. */
export function FilterBar({ filter, counts, onChange }: Props) {
  const t = useT();
  const format = useFormat();
  const set = (news: Partial<Filter>) => onChange({ ...filter, ...news });
  return (
    <div className={classes.bar} role="search">
      <SegmentedControl
        className={classes.views ?? ""}
        value={filter.view}
        onChange={(view) => set({ view })}
        aria-label={t("view")}
        data={VIEWS.map((view) => ({
          value: view,
          label: (
            <Tooltip label={t("slowWhy", { time: format.duration(SLOW_MS) })} disabled={view !== "slow"}>
              <span>
                {t(`view_${view}`)}{" "}
                <span className={classes.count} data-view={view} data-some={counts[view] > 0 || undefined}>
                  {format.count(counts[view])}
                </span>
              </span>
            </Tooltip>
          ),
        }))}
      />
      <TextInput
        className={classes.text ?? ""}
        value={filter.text}
        onChange={(event) => set({ text: event.currentTarget.value })}
        placeholder={t("search")}
        aria-label={t("searchLabel")}
        leftSection={<IconSearch size={16} aria-hidden />}
        rightSection={filter.text ? <CloseButton size="sm" onClick={() => set({ text: "" })} aria-label={t("clear")} /> : null}
        data-find-streams
      />
      <MultiSelect
        className={classes.outcomes ?? ""}
        data={OUTCOMES.map((outcome) => ({ value: outcome, label: t(`outcome_${outcome}`) }))}
        value={[...filter.outcomes]}
        onChange={(outcomes) => set({ outcomes })}
        placeholder={filter.outcomes.length === 0 ? t("anyOutcome") : ""}
        aria-label={t("outcomes")}
        clearable
        clearButtonProps={{ "aria-label": t("clear") }}
        checkIconPosition="right"
        maxDropdownHeight={420}
      />
      <Switch label={t("onlyStreams")} checked={filter.streams} onChange={(event) => set({ streams: event.currentTarget.checked })} />
      <VisuallyHidden role="status">{t("count", { n: counts[filter.view] })}</VisuallyHidden>
    </div>
  );
}
