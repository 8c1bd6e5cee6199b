import { ActionIcon, CloseButton, FileButton, Loader, Text, Textarea, Tooltip } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconArrowUp, IconPhotoPlus, IconPlayerStopFilled } from "@tabler/icons-react";
import { type ClipboardEvent, type DragEvent, type KeyboardEvent, type Ref, useState } from "react";

import { useFormat } from "@/i18n";

import classes from "./Composer.module.css";
import { useT } from "./i18n";
import { ACCEPTED, MAX_BYTES, MAX_PICTURES, picturesOf } from "./pictures";
import type { Picture } from "./types";

/** Where one types: Enter sends, images come by button, paste or drop. */
export function Composer({
  input,
  busy,
  ready,
  onSend,
  onStop,
}: {
  input: Ref<HTMLTextAreaElement>;
  /** An answer comes. */
  busy: boolean;
  /** There is somebody to ask. */
  ready: boolean;
  onSend: (text: string, pictures: Picture[]) => void;
  onStop: () => void;
}) {
  const t = useT();
  const [text, setText] = useState("");
  const [over, setOver] = useState(false);
  const { pictures, reading, add, remove, clear } = usePictures();
  const canSend = ready && !busy && !reading && (text.trim() !== "" || pictures.length > 0);

  const send = () => {
    if (!canSend) return;
    onSend(text.trim(), [...pictures]);
    setText("");
    clear();
  };
  const keyed = (event: KeyboardEvent) => {
    // While an input method composes, Enter takes its proposal, and Escape gives it up.
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape" && busy) {
      event.preventDefault();
      onStop();
    }
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    send();
  };
  const pasted = (event: ClipboardEvent) => {
    const files = [...event.clipboardData.files];
    if (files.length === 0) return;
    event.preventDefault();
    void add(files);
  };
  const dropped = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void add([...event.dataTransfer.files]);
  };

  return (
    <form
      className={classes.composer}
      data-over={over || undefined}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={dropped}
    >
      {(pictures.length > 0 || reading) && (
        <ul className={classes.pictures}>
          {pictures.map((picture, index) => (
            <li key={index}>
              <img src={picture.url} alt={t("pictureAlt", { name: picture.name })} />
              <CloseButton size="sm" radius="xl" aria-label={t("removePicture", { name: picture.name })} onClick={() => remove(index)} />
            </li>
          ))}
          {reading && (
            <li className={classes.reading}>
              <Loader size="sm" aria-label={t("readingPictures")} />
            </li>
          )}
        </ul>
      )}
      <Text size="xs" c="dimmed" role="status">
        {scaled(pictures).map(({ key, name, from, to }) => (
          <span key={key} className={classes.scaled}>
            {t("pictureScaled", { name, from: `${from.width} × ${from.height}`, to: `${to.width} × ${to.height}` })}
          </span>
        ))}
      </Text>
      <Textarea
        ref={input}
        className={classes.field ?? ""}
        variant="unstyled"
        aria-label={t("say")}
        placeholder={over ? t("dropHere") : t("sayHint")}
        autosize
        minRows={1}
        maxRows={10}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={keyed}
        onPaste={pasted}
      />
      <div className={classes.bar}>
        <FileButton multiple accept={ACCEPTED.join(",")} onChange={(files) => void add(files)}>
          {(props) => (
            <Tooltip label={t("addPictures")}>
              <ActionIcon {...props} variant="subtle" color="gray" size="lg" radius="xl" aria-label={t("addPictures")}>
                <IconPhotoPlus size={20} stroke={1.7} />
              </ActionIcon>
            </Tooltip>
          )}
        </FileButton>
        <Text size="xs" c="dimmed" className={classes.hint ?? ""}>
          {!ready ? t("needModel") : busy ? t("stopHint") : t("keysHint")}
        </Text>
        {busy ? (
          <Tooltip label={t("stop")}>
            <ActionIcon key="stop" size="lg" radius="xl" color="red" variant="light" aria-label={t("stop")} onClick={onStop}>
              <IconPlayerStopFilled size={18} />
            </ActionIcon>
          </Tooltip>
        ) : (
          <Tooltip label={t("send")}>
            <ActionIcon key="send" type="submit" size="lg" radius="xl" aria-label={t("send")} disabled={!canSend}>
              <IconArrowUp size={20} />
            </ActionIcon>
          </Tooltip>
        )}
      </div>
    </form>
  );
}

function scaled(pictures: readonly Picture[]) {
  return pictures.flatMap((picture, index) => (picture.scaled ? [{ key: index, name: picture.name, ...picture.scaled }] : []));
}

function usePictures() {
  const t = useT();
  const format = useFormat();
  const [pictures, setPictures] = useState<readonly Picture[]>([]);
  /** Batches of files. */
  const [reading, setReading] = useState(0);
  const complain = (message: string) => notifications.show({ message, color: "red" });

  async function add(files: readonly File[]): Promise<void> {
    setReading((batches) => batches + 1);
    const read = await picturesOf(files);
    setReading((batches) => batches - 1);
    for (const { why, name } of read.refused) complain(t(why, { name, size: format.bytes(MAX_BYTES) }));
    if (pictures.length + read.pictures.length > MAX_PICTURES) complain(t("tooManyPictures", { n: MAX_PICTURES }));
    setPictures((before) => [...before, ...read.pictures].slice(0, MAX_PICTURES));
  }

  return { pictures, reading: reading > 0, add, remove: (index: number) => setPictures(pictures.toSpliced(index, 1)), clear: () => setPictures([]) };
}
