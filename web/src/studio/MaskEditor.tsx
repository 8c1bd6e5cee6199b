import { ActionIcon, Button, Group, Modal, SegmentedControl, Slider, Text, Tooltip } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { IconArrowBackUp, IconArrowForwardUp, IconBrush, IconContrast2, IconEraser, IconMinus, IconPlus, IconTrash, type TablerIcon } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";

import { blobOf, keep } from "./db";
import { change } from "./draft";
import { useT } from "./i18n";
import { added, EMPTY, type MaskState, paint, type Point, redo, type Stroke, toPicture, undo } from "./mask";
import classes from "./MaskEditor.module.css";
import type { Picture } from "./task";
import { usePictureUrl } from "./useTasks";

const COLOUR = "#1d8b98";
const ZOOMS = [1, 1.5, 2, 3, 4, 6] as const;

/** Paint over what may change of a picture. Kept as the API wants it: a PNG that is transparent there. */
export default function MaskEditor({ picture, onClose }: { picture: Picture; onClose: () => void }) {
  const t = useT();
  const url = usePictureUrl(picture.hash);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [state, setState] = useState<MaskState>(EMPTY);
  const [tool, setTool] = useState<"brush" | "eraser">("brush");
  const [share, setShare] = useState(8);
  const [zoom, setZoom] = useState(0);
  const [drawing, setDrawing] = useState<Stroke>();
  const width = Math.max(1, Math.round((Math.max(picture.width, picture.height) * share) / 100));
  const last = ZOOMS.length - 1;

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context) paint(context, drawing ? [...state.strokes, drawing] : state.strokes, COLOUR);
  }, [state, drawing, url]);
  useHotkeys([
    ["mod+Z", () => setState(undo)],
    ["mod+shift+Z", () => setState(redo)],
    ["b", () => setTool("brush")],
    ["e", () => setTool("eraser")],
    ["[", () => setShare((before) => Math.max(1, before - 1))],
    ["]", () => setShare((before) => Math.min(40, before + 1))],
  ]);

  const at = (event: React.PointerEvent): Point =>
    toPicture({ x: event.clientX, y: event.clientY }, event.currentTarget.getBoundingClientRect(), picture);
  const begin = (event: React.PointerEvent) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    setDrawing({ kind: event.buttons === 32 ? "eraser" : tool, width, points: [at(event)] });
  };
  const move = (event: React.PointerEvent) => {
    const point = at(event);
    setDrawing((now) => (now && "points" in now ? { ...now, points: [...now.points, point] } : now));
  };
  const end = () => {
    if (drawing) setState((before) => added(before, drawing));
    setDrawing(undefined);
  };
  const without = () => {
    change({ mask: null });
    onClose();
  };
  const use = async () => {
    const mask = canvas.current && (await maskFrom(canvas.current, picture));
    change({ mask: mask ? await keep(mask) : null });
    onClose();
  };

  return (
    <Modal opened onClose={onClose} fullScreen title={t("maskTitle")} classNames={{ content: classes.content ?? "", body: classes.body ?? "" }}>
      <div className={classes.tools} role="toolbar" aria-label={t("maskTitle")}>
        <SegmentedControl
          value={tool}
          onChange={(value) => setTool(value === "eraser" ? "eraser" : "brush")}
          data={[
            { value: "brush", label: <Labelled icon={IconBrush} text={t("brush")} /> },
            { value: "eraser", label: <Labelled icon={IconEraser} text={t("eraser")} /> },
          ]}
        />
        <Slider className={classes.width ?? ""} min={1} max={40} value={share} onChange={setShare} label={(value) => `${value} %`} thumbLabel={t("brushSize")} />
        <Group gap={4} wrap="nowrap">
          <Tool icon={IconArrowBackUp} label={t("undo")} onClick={() => setState(undo)} disabled={state.strokes.length === 0} />
          <Tool icon={IconArrowForwardUp} label={t("redo")} onClick={() => setState(redo)} disabled={state.undone.length === 0} />
          <Tool icon={IconContrast2} label={t("invertMask")} onClick={() => setState((before) => added(before, { kind: "invert" }))} />
          <Tool icon={IconTrash} label={t("clearMask")} onClick={() => setState((before) => added(before, { kind: "clear" }))} />
        </Group>
        <Group gap={4} wrap="nowrap">
          <Tool icon={IconMinus} label={t("zoomOut")} onClick={() => setZoom(Math.max(0, zoom - 1))} disabled={zoom === 0} />
          <Button variant="subtle" color="gray" size="compact-md" onClick={() => setZoom(0)} aria-label={t("zoomFit")} className="sw-numbers">
            {Math.round((ZOOMS[zoom] ?? 1) * 100)} %
          </Button>
          <Tool icon={IconPlus} label={t("zoomIn")} onClick={() => setZoom(Math.min(last, zoom + 1))} disabled={zoom === last} />
        </Group>
      </div>
      <div className={classes.scroll}>
        <div className={classes.sheet} style={{ aspectRatio: `${picture.width} / ${picture.height}`, "--zoom": ZOOMS[zoom], "--shape": picture.width / picture.height } as React.CSSProperties}>
          {url && <img src={url} alt={t("referenceAlt", { n: 1 })} draggable={false} />}
          <canvas ref={canvas} width={picture.width} height={picture.height} aria-label={t("maskHow")} role="img" onPointerDown={begin} onPointerMove={drawing ? move : undefined} onPointerUp={end} onPointerCancel={end} data-testid="mask" />
        </div>
      </div>
      <Group justify="space-between" mt="sm">
        <Text size="sm" c="dimmed">
          {state.strokes.length === 0 ? `${t("maskHow")} ${t("maskEmpty")}` : t("maskHow")}
        </Text>
        <Group gap="xs">
          <Button variant="default" onClick={without}>
            {t("noMask")}
          </Button>
          <Button onClick={() => void use()} disabled={state.strokes.length === 0}>
            {t("useMask")}
          </Button>
        </Group>
      </Group>
    </Modal>
  );
}

/** The picture with holes where it may change; null if nothing was painted. The API wants at most 4 MB: black does. */
async function maskFrom(painted: HTMLCanvasElement, picture: Picture): Promise<Blob | null> {
  const pixels = painted.getContext("2d")?.getImageData(0, 0, picture.width, picture.height).data;
  if (!pixels?.some((value, index) => index % 4 === 3 && value > 0)) return null;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  const context = canvas.getContext("2d");
  if (context === null || (await blobOf(picture.hash)) === undefined) return null;
  context.fillRect(0, 0, canvas.width, canvas.height);
  const holes = context.getImageData(0, 0, canvas.width, canvas.height);
  // Half-covered pixels at a stroke's border may change: the API looks for alpha of zero.
  for (let at = 3; at < pixels.length; at += 4) holes.data[at] = (pixels[at] ?? 0) > 63 ? 0 : 255;
  context.putImageData(holes, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
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
