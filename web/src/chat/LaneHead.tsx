import { Autocomplete, CloseButton, NativeSelect, type OptionsFilter, Tooltip } from "@mantine/core";

import { useT } from "./i18n";
import classes from "./Chat.module.css";
import { removeLane, setLane } from "./session";
import { type Conversation, type Dialect, DIALECTS, type Lane } from "./types";

/** Which model is asked, and through which API. */
export function LaneHead({ conversation, lane, models }: { conversation: Conversation; lane: Lane; models: readonly string[] }) {
  const t = useT();
  const change = (what: Partial<Pick<Lane, "dialect" | "model">>) => setLane(conversation.id, lane.id, what);
  return (
    <div className={classes.laneHead}>
      <Autocomplete
        className={classes.model ?? ""}
        size="sm"
        aria-label={t("model")}
        placeholder={t("modelHint")}
        data={[...models]}
        filter={matching}
        maxDropdownHeight={320}
        spellCheck={false}
        selectFirstOptionOnChange={false}
        value={lane.model}
        onChange={(model) => change({ model })}
        onFocus={(event) => event.currentTarget.select()}
      />
      <NativeSelect
        size="sm"
        aria-label={t("dialect")}
        value={lane.dialect}
        data={DIALECTS.map((value) => ({ value, label: t(`dialect.${value}`) }))}
        onChange={(event) => change({ dialect: event.currentTarget.value as Dialect })}
      />
      {conversation.lanes.length > 1 && (
        <Tooltip label={t("closeLane")}>
          <CloseButton aria-label={t("closeLane")} onClick={() => removeLane(conversation.id, lane.id)} />
        </Tooltip>
      )}
    </div>
  );
}

/** What is chosen already hides nothing: who opens the list then wants another one. */
const matching: OptionsFilter = ({ options, search }) => {
  const wanted = search.trim().toLowerCase();
  const names = options.filter((one) => "value" in one);
  if (names.some((one) => one.value === search)) return names;
  return names.filter((one) => one.value.toLowerCase().includes(wanted));
};
