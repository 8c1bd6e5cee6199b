import { Collapse, Group, SegmentedControl, Select, Stack, Switch, Text, UnstyledButton } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";

import { useStore } from "@/lib/persisted";

import classes from "./Composer.module.css";
import { change, changeParams, draft } from "./draft";
import { useT } from "./i18n";
import { among, MAX_PARTIALS, MAX_PICTURES, QUALITIES } from "./params";
import { SizePicker } from "./SizePicker";

const MoreOptions = lazy(() => import("./MoreOptions"));

/** How the picture shall be. */
export function Options() {
  const t = useT();
  const { params, count } = useStore(draft);
  return (
    <Stack gap="md">
      <SizePicker value={params.size} onChange={(size) => changeParams({ size })} />
      <Group grow align="flex-start">
        <Select
          label={t("quality")}
          data={QUALITIES.map((value) => ({ value, label: t(`quality_${value}`) }))}
          value={params.quality}
          onChange={(value) => changeParams({ quality: among(QUALITIES, value) })}
          allowDeselect={false}
        />
        <Select
          label={t("count")}
          data={Array.from({ length: MAX_PICTURES }, (_, index) => String(index + 1))}
          value={String(count)}
          onChange={(value) => change({ count: Number(value ?? 1) })}
          allowDeselect={false}
        />
      </Group>
      <Previews />
      <More />
    </Stack>
  );
}

function Previews() {
  const t = useT();
  const { params } = useStore(draft);
  return (
    <div className={classes.previews}>
      <Switch
        label={t("streaming")}
        description={params.stream ? t("streamingWhy") : t("streamingOff")}
        checked={params.stream}
        onChange={(event) => changeParams({ stream: event.currentTarget.checked })}
      />
      <Collapse expanded={params.stream}>
        <Group justify="space-between" mt={10} wrap="nowrap">
          <Text size="sm" id="partials-label">
            {t("partials")}
          </Text>
          <SegmentedControl
            size="xs"
            aria-labelledby="partials-label"
            data={Array.from({ length: MAX_PARTIALS + 1 }, (_, index) => String(index))}
            value={String(params.partials)}
            onChange={(value) => changeParams({ partials: Number(value) })}
          />
        </Group>
      </Collapse>
    </div>
  );
}

function More() {
  const t = useT();
  const [open, setOpen] = useState(false);
  return (
    <div>
      <UnstyledButton className={classes.more} aria-expanded={open} onClick={() => setOpen(!open)}>
        {t("moreOptions")}
        <IconChevronDown size={16} aria-hidden />
      </UnstyledButton>
      {open && (
        <Suspense fallback={null}>
          <MoreOptions />
        </Suspense>
      )}
    </div>
  );
}
