import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useNavigate, useParams } from "react-router";

import { Page } from "@/ui/Page";
import { useShortcuts } from "@/ui/shortcuts";

import { Composer, useAddReferences } from "./Composer";
import { Gallery } from "./Gallery";
import { useT } from "./i18n";
import { recover } from "./live";
import classes from "./Studio.module.css";
import { useTasks } from "./useTasks";
import { useUrlSettings } from "./useUrlSettings";

const lightbox = () => import("./Lightbox");
const Lightbox = lazy(lightbox);

/** The image studio: a picture is asked for on the left, and forms on the right. */
export default function StudioPage() {
  const t = useT();
  const navigate = useNavigate();
  const opened = useParams()["*"];
  const tasks = useTasks();
  const promptBox = useRef<HTMLTextAreaElement>(null);
  const gallery = useRef<HTMLDivElement>(null);
  const open = useCallback((id: string) => void navigate(`/studio/${id}`), [navigate]);
  const close = useCallback(() => {
    void navigate("/studio");
    if (opened === undefined) return;
    // Whoever goes by keys is where the picture is that was last seen.
    requestAnimationFrame(() => gallery.current?.querySelector<HTMLElement>(`[data-task="${CSS.escape(opened)}"] button`)?.focus());
  }, [navigate, opened]);
  const toPrompt = useCallback(() => {
    void navigate("/studio");
    requestAnimationFrame(() => promptBox.current?.focus());
  }, [navigate]);
  // Wide windows scroll the pictures, narrow ones the whole page.
  const show = () => {
    gallery.current?.scrollTo({ top: 0 });
    gallery.current?.scrollIntoView({ block: "start" });
  };
  const task = opened ? tasks?.find((one) => one.id === opened) : undefined;

  useUrlSettings();
  useEffect(() => void recover(), []);
  useEffect(() => {
    if (opened && tasks !== undefined && task === undefined) close();
  }, [opened, tasks, task, close]);
  useShortcuts(useMemo(() => [{ keys: ["n"], label: t("shortcutPrompt"), run: () => promptBox.current?.focus() }], [t]));
  const { dragging, ...drops } = useDrops();

  return (
    <Page title={t("title")} layout="full">
      <div className={classes.studio} {...drops}>
        <div className={classes.composer}>
          <Composer promptBox={promptBox} onAsked={show} />
        </div>
        <div className={classes.gallery} ref={gallery} onPointerEnter={() => void lightbox().catch(() => undefined)}>
          <Gallery tasks={tasks} onOpen={open} />
        </div>
        {dragging && <div className={classes.drop}>{t("dropHere")}</div>}
      </div>
      {task && tasks && (
        <Suspense fallback={null}>
          <Lightbox task={task} tasks={tasks} onOpen={open} onUse={toPrompt} onClose={close} />
        </Suspense>
      )}
    </Page>
  );
}

/** Pictures dropped or pasted anywhere on the page go along with the next prompt. */
function useDrops() {
  const [dragging, setDragging] = useState(false);
  const add = useAddReferences();
  const latest = useRef(add);
  useEffect(() => {
    latest.current = add;
  });
  useEffect(() => {
    const pasted = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
      if (files.length === 0) return;
      event.preventDefault();
      latest.current(files);
    };
    document.addEventListener("paste", pasted);
    return () => document.removeEventListener("paste", pasted);
  }, []);
  const hasFiles = (event: React.DragEvent) => event.dataTransfer.types.includes("Files");
  return {
    dragging,
    onDragOver: (event: React.DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setDragging(true);
    },
    onDragLeave: (event: React.DragEvent) => {
      if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setDragging(false);
    },
    onDrop: (event: React.DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setDragging(false);
      add([...event.dataTransfer.files]);
    },
  };
}
