import { Anchor, Badge, Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconDownload, IconHeart, IconHeartFilled, IconPencil, IconPlayerStopFilled, IconRefresh, IconTrash, IconWand } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { useFormat } from "@/i18n";
import { confirm } from "@/ui/confirm";
import { CopyButton } from "@/ui/CopyButton";

import { savePicture } from "./archiveFiles";
import { editFrom, heldByDraft, reuse } from "./draft";
import { KeptPicture } from "./KeptPicture";
import { useT } from "./i18n";
import classes from "./Lightbox.module.css";
import { cancel, favour, remove, retry } from "./live";
import { elapsed, isRunning, type Picture, type Task } from "./task";
import { WhatHappened } from "./WhatHappened";

interface DetailsProps {
  task: Task;
  picture: Picture | undefined;
  siblings: readonly Task[];
  onOpen: (id: string) => void;
  /** What the task has is in the composer now. */
  onUse: () => void;
  onClose: () => void;
}

/** What was asked, what came, and what can be done with it. */
export function Details({ task, picture, siblings, onOpen, onUse, onClose }: DetailsProps) {
  const t = useT();
  const again = () => {
    const made = retry(task);
    if (made) onOpen(made.id);
  };
  return (
    <Stack gap="lg">
      <div>
        <Group gap={6} mb={6} pr={40}>
          <Title order={2} size="h5">
            {t("promptAsked")}
          </Title>
          <CopyButton value={task.asked.prompt} label={t("copyPrompt")} />
          {isRunning(task) && <Badge variant="light">{t(`status_${task.status}`)}</Badge>}
        </Group>
        <Text style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{task.asked.prompt}</Text>
      </div>
      {task.revisedPrompt && task.revisedPrompt !== task.asked.prompt && (
        <div>
          <Group gap={6} mb={4}>
            <Title order={2} size="h5">
              {t("promptRevised")}
            </Title>
            <CopyButton value={task.revisedPrompt} label={t("copyPrompt")} />
          </Group>
          <Text size="sm" c="dimmed" style={{ whiteSpace: "pre-wrap" }}>
            {task.revisedPrompt}
          </Text>
        </div>
      )}
      <Actions task={task} picture={picture} onAgain={again} onUse={onUse} onClose={onClose} />
      <WhatHappened task={task} onRetry={again} />
      {task.words !== "" && task.status === "done" && (
        <Section title={t("words")}>
          <Text size="sm">{task.words}</Text>
        </Section>
      )}
      {siblings.length > 1 && (
        <Section title={t("together", { n: siblings.filter((one) => one.results.length > 0).length, of: siblings.length })}>
          <div className={classes.thumbs}>
            {siblings.map((one) => (
              <button key={one.id} type="button" aria-current={one.id === task.id} aria-label={t("pictureOf", { n: one.position, of: one.of })} onClick={() => onOpen(one.id)}>
                {one.results[0] ? <KeptPicture hash={one.results[0].hash} alt="" /> : isRunning(one) ? "…" : "×"}
              </button>
            ))}
          </div>
        </Section>
      )}
      {task.asked.references.length > 0 && (
        <Section title={t("references")}>
          <div className={classes.thumbs}>
            {task.asked.references.map((one, index) => (
              <span key={one.hash}>
                <KeptPicture hash={one.hash} alt={t("referenceAlt", { n: index + 1 })} />
              </span>
            ))}
            {task.asked.mask && (
              <span>
                <KeptPicture hash={task.asked.mask.hash} alt={t("maskAlt")} />
              </span>
            )}
          </div>
        </Section>
      )}
      <Parameters task={task} picture={picture} />
      <Course task={task} />
    </Stack>
  );
}

function Actions({ task, picture, onAgain, onUse, onClose }: Pick<DetailsProps, "task" | "picture" | "onUse" | "onClose"> & { onAgain: () => void }) {
  const t = useT();
  const discard = async () => {
    if (await confirm({ title: t("deleteMany", { n: 1 }), text: t("deleteWhy"), yes: t("delete"), danger: true })) {
      onClose();
      await remove([task.id], heldByDraft());
    }
  };
  if (isRunning(task)) {
    return (
      <Button variant="default" leftSection={<IconPlayerStopFilled size={15} aria-hidden />} onClick={() => cancel(task.id)}>
        {t("stop")}
      </Button>
    );
  }
  const use = (how: () => void) => () => {
    how();
    onUse();
  };
  return (
    <Group gap="xs">
      {picture && (
        <>
          <Button leftSection={<IconWand size={17} aria-hidden />} onClick={use(() => editFrom(task, picture))}>
            {t("editThis")}
          </Button>
          <Button variant="default" leftSection={<IconDownload size={17} aria-hidden />} onClick={() => void savePicture(task, picture)}>
            {t("download")}
          </Button>
        </>
      )}
      <Button variant="default" leftSection={<IconRefresh size={17} aria-hidden />} onClick={onAgain}>
        {t("again")}
      </Button>
      <Button variant="default" leftSection={<IconPencil size={17} aria-hidden />} onClick={use(() => reuse(task))}>
        {t("reuse")}
      </Button>
      {picture && (
        <Button variant="default" aria-pressed={task.favourite} leftSection={task.favourite ? <IconHeartFilled size={17} aria-hidden /> : <IconHeart size={17} aria-hidden />} onClick={() => void favour([task.id], !task.favourite)}>
          {t("favourite")}
        </Button>
      )}
      <Button variant="subtle" color="red" leftSection={<IconTrash size={17} aria-hidden />} onClick={() => void discard()}>
        {t("delete")}
      </Button>
    </Group>
  );
}

function Parameters({ task, picture }: { task: Task; picture: Picture | undefined }) {
  const t = useT();
  const format = useFormat();
  const { params, model, mode, profile } = task.asked;
  const rows: [string, string, string | undefined][] = [
    [t("model"), model, task.actual.model],
    [t("size"), params.size, picture && picture.width > 0 ? `${picture.width}x${picture.height}` : task.actual.size],
    [t("quality"), params.quality, task.actual.quality],
    [t("format"), params.format, picture ? picture.mime.replace("image/", "") : task.actual.output_format],
    [t("background"), params.background, task.actual.background],
  ];
  return (
    <Section title={t("parameters")}>
      <dl className={classes.facts}>
        {rows.map(([name, asked, actual]) => (
          <Fact key={name} name={name}>
            {asked}
            {actual && actual !== asked && (
              <>
                {" → "}
                <span className={asked === "auto" || name === t("model") ? undefined : classes.differs}>{actual}</span>
              </>
            )}
          </Fact>
        ))}
        {params.format !== "png" && <Fact name={t("compression")}>{params.compression} %</Fact>}
        {params.moderation !== "auto" && <Fact name={t("moderation")}>{t(`moderation_${params.moderation}`)}</Fact>}
        <Fact name={t("mode")}>{mode === "images" ? t("modeImages") : t("modeResponses")}</Fact>
        <Fact name={t("profile")}>{profile.name || profile.baseUrl || t("thisGateway")}</Fact>
        {picture && <Fact name={t("fileSize")}>{format.bytes(picture.bytes)}</Fact>}
      </dl>
    </Section>
  );
}

function Course({ task }: { task: Task }) {
  const t = useT();
  const format = useFormat();
  const first = task.firstPictureAt !== null && task.startedAt !== null ? task.firstPictureAt - task.startedAt : null;
  return (
    <Section title={t("course")}>
      <dl className={classes.facts}>
        <Fact name={t("askedAt")}>{format.moment(task.createdAt / 1000)}</Fact>
        {task.endedAt !== null && <Fact name={t("took")}>{format.duration(elapsed(task, task.endedAt))}</Fact>}
        {first !== null && <Fact name={t("firstPicture")}>{format.duration(first)}</Fact>}
        <Fact name={t("answeredBy")}>
          {task.form === null ? "–" : task.form === "stream" ? t("byStream", { n: task.partials }) : task.asked.params.stream ? t("byJsonInstead") : t("byJson")}
        </Fact>
        {task.usage && (
          <Fact name={t("tokens")}>{t("tokensOf", { input: format.count(task.usage.input), output: format.count(task.usage.output) })}</Fact>
        )}
        {task.requestId && (
          <Fact name={t("request")}>
            {task.asked.profile.baseUrl === "" ? (
              <Anchor component={Link} to={`/streams/${task.requestId}`} inherit>
                {task.requestId}
              </Anchor>
            ) : (
              task.requestId
            )}
          </Fact>
        )}
      </dl>
    </Section>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <Title order={2} size="h5" mb={6}>
        {title}
      </Title>
      {children}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
