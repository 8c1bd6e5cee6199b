import { ActionIcon, Button, Group, Modal, SegmentedControl, Slider, Text, Tooltip } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { IconArrowBackUp, IconArrowForwardUp, IconBrush, IconContrast2, IconEraser, IconHandStop, IconMinus, IconPlus, IconTrash, type TablerIcon } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";

import { useStore } from "@/lib/persisted";

import { blobOf, keep } from "./db";
import { change, draft } from "./draft";
import { useT } from "./i18n";
import { added, EMPTY, type MaskState, moved, paint, type Point, redo, type Stroke, toPicture, undo } from "./mask";
import classes from "./MaskEditor.module.css";
import { maskFrom, paintedFrom } from "./maskPixels";
import type { Picture } from "./task";
import { usePictureUrl } from "./useTasks";

/** Of nothing that pictures are often of. */
const COLOUR = "#ff2e7e";
const ZOOMS = [1, 1.5, 2, 3, 4, 6] as const;
const TOOLS = ["brush", "eraser", "move"] as const;
type ToolName = (typeof TOOLS)[number];

/** Paint over what may change of a picture. Kept as the API wants it: a PNG that is transparent there. */
export default function MaskEditor({ picture, onClose }: { picture: Picture; onClose: () => void }) {
  const t = useT();
  const url = usePictureUrl(picture.hash);
  const canvas = useRef<HTMLCanvasElement>(null);
  const scroll = useRef<HTMLDivElement>(null);
  const before = usePainted();
  const [state, setState] = useState<MaskState>(EMPTY);
  const [tool, setTool] = useState<ToolName>("brush");
  const [share, setShare] = useState(8);
  const [zoom, setZoom] = useState(0);
  const [drawing, setDrawing] = useState<Stroke>();
  const [point, setPoint] = useState<Point>();
  const width = Math.max(1, Math.round((Math.max(picture.width, picture.height) * share) / 100));
  const last = ZOOMS.length - 1;
  const empty = state.strokes.length === 0 && before === undefined;
  const nearer = () => setZoom((now) => Math.min(last, now + 1));
  const further = () => setZoom((now) => Math.max(0, now - 1));

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context) paint(context, drawing ? [...state.strokes, drawing] : state.strokes, COLOUR, before);
  }, [state, drawing, url, before]);
  useHotkeys([
    ["mod+Z", () => setState(undo)],
    ["mod+shift+Z", () => setState(redo)],
    ["b", () => setTool("brush")],
    ["e", () => setTool("eraser")],
    ["m", () => setTool("move")],
    ["+", nearer],
    ["-", further],
    ["[", () => setShare((now) => Math.max(1, now - 1))],
    ["]", () => setShare((now) => Math.min(40, now + 1))],
  ]);

  const kind = tool === "eraser" ? "eraser" : "brush";
  const at = (event: React.PointerEvent): Point =>
    toPicture({ x: event.clientX, y: event.clientY }, event.currentTarget.getBoundingClientRect(), picture);
  const begin = (event: React.PointerEvent) => {
    const erases = event.buttons === 32;
    if (tool === "move" || (event.button !== 0 && !erases)) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    setDrawing({ kind: erases ? "eraser" : kind, width, points: [at(event)] });
  };
  const move = (event: React.PointerEvent) => {
    // Fingers scroll by themselves.
    if (tool === "move" && event.buttons === 1 && event.pointerType === "mouse") scroll.current?.scrollBy(-event.movementX, -event.movementY);
    const here = at(event);
    setPoint(here);
    setDrawing((now) => (now && "points" in now ? { ...now, points: [...now.points, here] } : now));
  };
  const end = () => {
    if (drawing) setState((now) => added(now, drawing));
    setDrawing(undefined);
  };
  const typed = (event: React.KeyboardEvent) => {
    const from = point ?? { x: picture.width / 2, y: picture.height / 2 };
    const to = moved(from, event.key, width / 2, picture);
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    setPoint(to);
    if (event.shiftKey || to === from) setState((now) => added(now, { kind, width, points: [from, to] }));
  };
  const without = () => {
    change({ mask: null });
    onClose();
  };
  const use = async () => {
    const mask = canvas.current && (await maskFrom(canvas.current));
    change({ mask: mask ? await keep(mask) : null });
    onClose();
  };
  const percent = (part: number, of: number) => `${(part / of) * 100}%`;

  return (
    <Modal opened onClose={onClose} fullScreen title={t("maskTitle")} classNames={{ content: classes.content ?? "", body: classes.body ?? "" }}>
      <div className={classes.tools} role="toolbar" aria-label={t("maskTitle")}>
        <SegmentedControl
          aria-label={t("tool")}
          value={tool}
          onChange={(value) => setTool(TOOLS.find((one) => one === value) ?? "brush")}
          data={[
            { value: "brush", label: <Labelled icon={IconBrush} text={t("brush")} /> },
            { value: "eraser", label: <Labelled icon={IconEraser} text={t("eraser")} /> },
            { value: "move", label: <Labelled icon={IconHandStop} text={t("move")} /> },
          ]}
        />
        <Slider className={classes.width ?? ""} min={1} max={40} value={share} onChange={setShare} label={(value) => `${value} %`} thumbLabel={t("brushSize")} />
        <Group gap={4} wrap="nowrap">
          <Tool icon={IconArrowBackUp} label={t("undo")} onClick={() => setState(undo)} disabled={state.strokes.length === 0} />
          <Tool icon={IconArrowForwardUp} label={t("redo")} onClick={() => setState(redo)} disabled={state.undone.length === 0} />
          <Tool icon={IconContrast2} label={t("invertMask")} onClick={() => setState((now) => added(now, { kind: "invert" }))} />
          <Tool icon={IconTrash} label={t("clearMask")} onClick={() => setState((now) => added(now, { kind: "clear" }))} disabled={empty} />
        </Group>
        <Group gap={4} wrap="nowrap">
          <Tool icon={IconMinus} label={t("zoomOut")} onClick={further} disabled={zoom === 0} />
          <Button variant="subtle" color="gray" size="compact-md" onClick={() => setZoom(0)} aria-label={t("zoomFit")} className="sw-numbers">
            {Math.round((ZOOMS[zoom] ?? 1) * 100)} %
          </Button>
          <Tool icon={IconPlus} label={t("zoomIn")} onClick={nearer} disabled={zoom === last} />
        </Group>
      </div>
      <div className={classes.scroll} ref={scroll}>
        <div
          className={classes.sheet}
          data-tool={tool}
          style={{ aspectRatio: `${picture.width} / ${picture.height}`, "--zoom": ZOOMS[zoom], "--shape": picture.width / picture.height } as React.CSSProperties}
        >
          {url && <img src={url} alt={t("referenceAlt", { n: 1 })} draggable={false} />}
          <canvas
            ref={canvas}
            width={picture.width}
            height={picture.height}
            tabIndex={0}
            role="application"
            aria-label={t("maskHow")}
            aria-describedby="mask-keys"
            onPointerDown={begin}
            onPointerMove={move}
            onPointerLeave={() => setPoint(undefined)}
            onPointerUp={end}
            onPointerCancel={end}
            onKeyDown={typed}
            data-testid="mask"
          />
          {point && tool !== "move" && (
            <span className={classes.ring} style={{ left: percent(point.x, picture.width), top: percent(point.y, picture.height), width: percent(width, picture.width), height: percent(width, picture.height) }} />
          )}
        </div>
      </div>
      <Group justify="space-between" mt="sm">
        <div>
          <Text size="sm" c="dimmed">
            {empty ? `${t("maskHow")} ${t("maskEmpty")}` : t("maskHow")}
          </Text>
          <Text size="xs" c="dimmed" id="mask-keys" visibleFrom="sm">
            {t("maskKeys")}
          </Text>
        </div>
        <Group gap="xs">
          <Button variant="default" onClick={without}>
            {t("noMask")}
          </Button>
          <Button onClick={() => void use()} disabled={empty}>
            {t("useMask")}
          </Button>
        </Group>
      </Group>
    </Modal>
  );
}

/** What the mask in use was painted from, to go on with; undefined where there is none, or until it is there. */
function usePainted(): OffscreenCanvas | undefined {
  const { mask } = useStore(draft);
  const [painted, setPainted] = useState<OffscreenCanvas>();
  useEffect(() => {
    if (mask === null) return undefined;
    let left = false;
    void blobOf(mask.hash).then(async (blob) => {
      const made = blob && (await paintedFrom(blob, COLOUR));
      if (!left) setPainted(made);
    });
    return () => {
      left = true;
    };
  }, [mask]);
  return painted;
}

function Labelled({ icon: Icon, text }: { icon: TablerIcon; text: string }) {
  return (
    <span className={classes.labelled}>
      <Icon size={16} aria-hidden /> {text}
    </span>
  );
}

function Tool({ icon: Icon, label, onClick, disabled = false }: { icon: TablerIcon; label: string; onClick: () => void; disabled?: boolean }) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="default" size="lg" aria-label={label} onClick={onClick} disabled={disabled}>
        <Icon size={18} stroke={1.7} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}
