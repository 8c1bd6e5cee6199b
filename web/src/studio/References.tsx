import { ActionIcon, FileButton, Group, Menu, Text, Tooltip } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconBrush, IconCamera, IconPhotoPlus, IconPhotoUp, IconStar, IconX } from "@tabler/icons-react";
import { type ComponentProps, useRef } from "react";

import { useStore } from "@/lib/persisted";

import classes from "./Composer.module.css";
import { draft, makeFirst, removeReference } from "./draft";
import { useT } from "./i18n";
import { KeptPicture } from "./KeptPicture";
import { MAX_REFERENCES } from "./params";

const KINDS = "image/png,image/jpeg,image/webp,image/gif,image/avif";

/** The pictures that go along, the first with its mask. */
export function References({ onFiles, onMask }: { onFiles: (files: File[]) => void; onMask: () => void }) {
  const t = useT();
  const { references, mask } = useStore(draft);
  if (references.length === 0) return null;
  return (
    <div className={classes.references} role="list" aria-label={t("references")}>
      {references.map((one, index) => (
        <div key={one.hash} className={classes.reference} role="listitem" data-first={index === 0 || undefined}>
          <KeptPicture hash={one.hash} alt={t("referenceAlt", { n: index + 1 })} />
          {index === 0 && mask && <KeptPicture hash={mask.hash} alt={t("maskAlt")} className={classes.maskOver} />}
          <ActionIcon className={classes.referenceOut} size={20} radius="xl" variant="filled" color="dark" aria-label={t("removeReference", { n: index + 1 })} onClick={() => removeReference(one.hash)}>
            <IconX size={13} aria-hidden />
          </ActionIcon>
          {index === 0 ? (
            <Tooltip label={mask ? t("maskChange") : t("maskDraw")}>
              <ActionIcon className={classes.referenceDo} size={24} radius="xl" variant={mask ? "filled" : "default"} aria-label={mask ? t("maskChange") : t("maskDraw")} onClick={onMask}>
                <IconBrush size={14} aria-hidden />
              </ActionIcon>
            </Tooltip>
          ) : (
            <Tooltip label={t("makeFirst")}>
              <ActionIcon className={classes.referenceDo} size={24} radius="xl" variant="default" aria-label={t("makeFirst")} onClick={() => makeFirst(one.hash)}>
                <IconStar size={13} aria-hidden />
              </ActionIcon>
            </Tooltip>
          )}
        </div>
      ))}
      {references.length < MAX_REFERENCES && (
        <FileButton onChange={onFiles} accept={KINDS} multiple>
          {(props) => (
            <ActionIcon {...props} className={classes.referenceAdd} variant="default" aria-label={t("addReference")}>
              <IconPhotoPlus size={20} stroke={1.5} aria-hidden />
            </ActionIcon>
          )}
        </FileButton>
      )}
    </div>
  );
}

/** The button that adds pictures: from files, or from the camera where there is one. */
export function AddReference({ onFiles }: { onFiles: (files: File[]) => void }) {
  const t = useT();
  const { references } = useStore(draft);
  // Elsewhere the browser would open its files for the camera, too.
  const touch = useMediaQuery("(pointer: coarse)", undefined, { getInitialValueInEffect: false });
  const [files, camera] = [useRef<HTMLInputElement>(null), useRef<HTMLInputElement>(null)];
  const picked = (event: React.ChangeEvent<HTMLInputElement>) => {
    onFiles([...(event.currentTarget.files ?? [])]);
    event.currentTarget.value = "";
  };
  return (
    <>
      <input ref={files} type="file" accept={KINDS} multiple hidden onChange={picked} data-testid="pick-files" />
      <input ref={camera} type="file" accept="image/*" capture="environment" hidden onChange={picked} />
      {touch ? (
        <Menu position="top-start" withinPortal>
          <Menu.Target>
            <AddButton />
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={<IconPhotoUp size={16} aria-hidden />} onClick={() => files.current?.click()}>
              {t("pickFiles")}
            </Menu.Item>
            <Menu.Item leftSection={<IconCamera size={16} aria-hidden />} onClick={() => camera.current?.click()}>
              {t("takePhoto")}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      ) : (
        <Tooltip label={t("addReferenceWhy")} multiline maw={260}>
          <AddButton onClick={() => files.current?.click()} />
        </Tooltip>
      )}
      {references.length > 0 && (
        <Group gap={4}>
          <Text size="xs" c="dimmed" className="sw-numbers">
            {references.length} / {MAX_REFERENCES}
          </Text>
        </Group>
      )}
    </>
  );
}

function AddButton(props: ComponentProps<"button">) {
  const t = useT();
  return (
    <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("addReference")} {...props}>
      <IconPhotoPlus size={21} stroke={1.6} aria-hidden />
    </ActionIcon>
  );
}
