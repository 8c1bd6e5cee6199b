import { ActionIcon, Button, Group, Tooltip } from "@mantine/core";
import { IconArrowBarToRight, IconChevronLeft, IconChevronRight, IconMaximize, IconZoomIn, IconZoomOut, type TablerIcon } from "@tabler/icons-react";

import { useT } from "./i18n";
import { ALL, panned, spanOf, type View, zoomed } from "./viewport";

interface Props {
  view: View;
  nowMs: number;
  /** It still goes on, so its end can be followed. */
  runs: boolean;
  onView: (view: View) => void;
  onGap: (() => void) | undefined;
}

/** What is followed of a stream if nothing else was chosen before. */
const TAIL_MS = 10_000;

/** Buttons for what the mouse and the keyboard do, too. */
export function WaterfallTools({ view, nowMs, runs, onView, onGap }: Props) {
  const t = useT();
  const isAll = view.kind === "all";
  const tail = () => {
    const { from, to } = spanOf(view, nowMs);
    onView({ kind: "tail", span: isAll ? TAIL_MS : to - from });
  };
  return (
    <Group gap={6}>
      {onGap && (
        <Button size="compact-sm" variant="default" onClick={onGap}>
          {t("zoomGap")}
        </Button>
      )}
      <Tool icon={IconChevronLeft} label={t("moveLeft")} off={isAll} onClick={() => onView(panned(view, nowMs, -0.4))} />
      <Tool icon={IconChevronRight} label={t("moveRight")} off={isAll} onClick={() => onView(panned(view, nowMs, 0.4))} />
      <Tool icon={IconZoomOut} label={t("zoomOut")} off={isAll} onClick={() => onView(zoomed(view, nowMs, 0.5))} />
      <Tool icon={IconZoomIn} label={t("zoomIn")} onClick={() => onView(zoomed(view, nowMs, 2))} />
      <Tool icon={IconMaximize} label={t("zoomAll")} off={isAll} onClick={() => onView(ALL)} />
      {runs && <Tool icon={IconArrowBarToRight} label={t("zoomTail")} isOn={view.kind === "tail"} onClick={tail} />}
    </Group>
  );
}

function Tool(props: { icon: TablerIcon; label: string; off?: boolean; isOn?: boolean; onClick: () => void }) {
  const { icon: Icon, label, off = false, isOn, onClick } = props;
  return (
    <Tooltip label={label}>
      <ActionIcon variant={isOn ? "filled" : "default"} aria-label={label} aria-pressed={isOn} disabled={off} onClick={onClick}>
        <Icon size={16} stroke={1.7} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}
