import { Button, Loader, SegmentedControl, TextInput, Center } from "@mantine/core";
import { IconPhotoSpark, IconSearch } from "@tabler/icons-react";
import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";

import { EmptyState } from "@/ui/EmptyState";

import { ArchiveMenu } from "./ArchiveMenu";
import { change } from "./draft";
import { type Filter, FILTERS, found } from "./filter";
import classes from "./Gallery.module.css";
import { useT } from "./i18n";
import { SelectionBar } from "./SelectionBar";
import { isRunning, type Task } from "./task";
import { Tile } from "./Tile";

/** So many at first, and so many more each time: pictures take memory. */
const PAGE = 60;

/** Everything made here, the newest first, with what is forming now. */
export function Gallery({ tasks, onOpen }: { tasks: readonly Task[] | undefined; onOpen: (id: string) => void }) {
  const t = useT();
  const [words, setWords] = useState("");
  const [filter, setFilter] = useState<Filter>("all");
  const [shown, setShown] = useState(PAGE);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<string>(undefined);
  const sought = useDeferredValue(words);
  const matching = useMemo(() => found(tasks ?? [], sought, filter), [tasks, sought, filter]);
  const order = useRef<readonly Task[]>([]);
  useEffect(() => {
    order.current = matching;
  }, [matching]);

  const choose = useCallback((id: string, range: boolean) => {
    const ids = order.current.map((task) => task.id);
    const [from, to] = [ids.indexOf(last.current ?? ""), ids.indexOf(id)].sort((a, b) => a - b);
    last.current = id;
    setChosen((before) => {
      const after = new Set(before);
      if (range && from !== undefined && from >= 0 && to !== undefined) ids.slice(from, to + 1).forEach((one) => after.add(one));
      else if (!after.delete(id)) after.add(id);
      return after;
    });
  }, []);

  if (tasks === undefined) {
    return (
      <Center h="60%">
        <Loader type="dots" aria-label={t("loading")} />
      </Center>
    );
  }
  const selecting = chosen.size > 0;
  const first = matching[0];
  return (
    <section className={classes.gallery} aria-label={t("gallery")}>
      <div className={classes.bar}>
        <TextInput
          className={classes.search ?? ""}
          type="search"
          aria-label={t("search")}
          placeholder={t("search")}
          leftSection={<IconSearch size={16} aria-hidden />}
          value={words}
          onChange={(event) => setWords(event.currentTarget.value)}
        />
        <SegmentedControl
          size="sm"
          aria-label={t("filter")}
          data={FILTERS.map((value) => ({ value, label: t(`filter_${value}`) }))}
          value={filter}
          onChange={(value) => setFilter(FILTERS.find((one) => one === value) ?? "all")}
        />
        <ArchiveMenu tasks={matching} />
      </div>
      {tasks.length === 0 ? (
        <Invitation />
      ) : matching.length === 0 ? (
        <EmptyState title={t("nothingFound")} icon={IconSearch} />
      ) : (
        <div className={classes.grid} data-selecting={selecting || undefined}>
          {matching.slice(0, shown).map((task) => (
            <Tile
              key={task.id}
              task={task}
              large={task === first && task.of === 1 && matching.length > 2 && (isRunning(task) || task.results.length > 0)}
              chosen={selecting ? chosen.has(task.id) : undefined}
              onOpen={onOpen}
              onChoose={choose}
            />
          ))}
        </div>
      )}
      {matching.length > shown && (
        <Center py="lg">
          <Button variant="default" onClick={() => setShown(shown + PAGE)}>
            {t("showMore", { n: matching.length - shown })}
          </Button>
        </Center>
      )}
      {selecting && <SelectionBar tasks={tasks.filter((task) => chosen.has(task.id))} onAll={() => setChosen(new Set(matching.map((task) => task.id)))} onDone={() => setChosen(new Set())} />}
    </section>
  );
}

function Invitation() {
  const t = useT();
  return (
    <EmptyState title={t("emptyTitle")} icon={IconPhotoSpark}>
      <p className={classes.invitation}>{t("emptyWhy")}</p>
      <div className={classes.ideas}>
        {(["idea1", "idea2", "idea3"] as const).map((idea) => (
          <Button key={idea} variant="default" size="sm" radius="xl" onClick={() => change({ prompt: t(idea) })}>
            {t(idea)}
          </Button>
        ))}
      </div>
    </EmptyState>
  );
}
