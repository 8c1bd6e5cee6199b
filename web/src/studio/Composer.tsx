import { ActionIcon, Button, Stack, Text, Textarea, Tooltip } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconAdjustmentsHorizontal, IconSparkles, IconX } from "@tabler/icons-react";
import { lazy, type RefObject, Suspense, useState } from "react";

import { useStore } from "@/lib/persisted";
import { currentProfile, profiles } from "@/lib/profiles";

import classes from "./Composer.module.css";
import { keeps } from "./db";
import { type Added, addReferences, askedBy, change, draft } from "./draft";
import { useT } from "./i18n";
import { ask } from "./live";
import { ModelPicker } from "./ModelPicker";
import { Options } from "./Options";
import { MAX_PROMPT_CHARS, MAX_REFERENCES } from "./params";
import { AddReference, References } from "./References";
import { useModels } from "./useModels";

const MaskEditor = lazy(() => import("./MaskEditor"));

/** Where a picture is asked for. */
export function Composer({ promptBox, onAsked }: { promptBox: RefObject<HTMLTextAreaElement | null>; onAsked: () => void }) {
  const t = useT();
  const { prompt, count, references } = useStore(draft);
  const profile = currentProfile(useStore(profiles));
  const models = useModels();
  const [masking, setMasking] = useState(false);
  const narrow = useMediaQuery("(max-width: 62em)", undefined, { getInitialValueInEffect: false });
  const [settings, setSettings] = useState(false);
  const kept = useStore(keeps);
  const add = useAddReferences();
  const create = () => {
    const now = draft.get();
    if (now.prompt.trim() === "") {
      promptBox.current?.focus();
      return;
    }
    ask(askedBy(now, profile.model.trim() || models.proposed), now.count, profile);
    onAsked();
  };
  return (
    <Stack component="section" gap="lg" className={classes.composer ?? ""} aria-label={t("composer")}>
      <div className={classes.promptBox}>
        <References onFiles={add} onMask={() => setMasking(true)} />
        <Textarea
          ref={promptBox}
          variant="unstyled"
          aria-label={t("prompt")}
          placeholder={references.length > 0 ? t("promptEdit") : t("promptNew")}
          autosize
          minRows={4}
          maxRows={14}
          maxLength={MAX_PROMPT_CHARS}
          value={prompt}
          onChange={(event) => change({ prompt: event.currentTarget.value })}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
              event.preventDefault();
              create();
            }
          }}
          classNames={{ input: classes.prompt ?? "" }}
        />
        <div className={classes.promptFoot}>
          <AddReference onFiles={add} />
          {prompt !== "" && (
            <Tooltip label={t("clear")}>
              <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("clear")} onClick={() => change({ prompt: "" })}>
                <IconX size={18} stroke={1.6} aria-hidden />
              </ActionIcon>
            </Tooltip>
          )}
          <Tooltip label={t("createKeys")} openDelay={500}>
            <Button ml="auto" radius="xl" leftSection={<IconSparkles size={18} aria-hidden />} onClick={create} disabled={prompt.trim() === ""}>
              {references.length > 0 ? t("edit") : t("create")}
              {count > 1 && ` × ${count}`}
            </Button>
          </Tooltip>
        </div>
      </div>
      {narrow && (
        <Button variant="default" aria-expanded={settings} onClick={() => setSettings(!settings)} rightSection={<IconAdjustmentsHorizontal size={17} aria-hidden />}>
          {t("howItShallBe")}
        </Button>
      )}
      {(!narrow || settings) && (
        <>
          <ModelPicker models={models} />
          <Options />
        </>
      )}
      {kept ? (
        <Text size="xs" c="dimmed">
          {t("keptHere")}
        </Text>
      ) : (
        <Text size="sm" c="var(--sw-warn)" role="status">
          {t("notKept")}
        </Text>
      )}
      {masking && references[0] && (
        <Suspense fallback={null}>
          <MaskEditor picture={references[0]} onClose={() => setMasking(false)} />
        </Suspense>
      )}
    </Stack>
  );
}

/** Takes files along, and says what it could not take. */
export function useAddReferences(): (files: readonly Blob[]) => void {
  const t = useT();
  return (files) => {
    if (files.length === 0) return;
    const say = ({ refused, over }: Added) => {
      if (refused.length > 0) notifications.show({ color: "red", message: t("refusedFiles", { names: refused.join(", ") }) });
      if (over > 0) notifications.show({ color: "gate", message: t("tooManyReferences", { n: MAX_REFERENCES }) });
    };
    addReferences(files).then(say, (thrown: unknown) => notifications.show({ color: "red", message: String(thrown) }));
  };
}
