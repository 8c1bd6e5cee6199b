import { Alert, Button, Checkbox, Divider, Group, Modal, MultiSelect, NumberInput, SimpleGrid, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { type SubmitEvent, useState } from "react";

import { api, type ApiError, asApiError, type Key, type KeyMade } from "@/lib/api";
import { ErrorBox } from "@/ui/ErrorBox";

import { bodyOf, changesOf, DIALECTS, type Faults, faultsOf, type Field, formOf, isComplete, isDay, type KeyForm as Form, type Limit } from "./form";
import { useT } from "./i18n";

/** The form of a key that there is, or, without one, of a new key. */
export function KeyForm({
  item,
  first,
  onDone,
  onClose,
}: {
  item?: Key | undefined;
  /** There is no key yet. */
  first: boolean;
  onDone: (made: KeyMade) => void;
  onClose: () => void;
}) {
  const t = useT();
  const [form, setForm] = useState(() => formOf(item));
  const [error, setError] = useState<ApiError>();
  const [busy, setBusy] = useState(false);
  const [plainDay] = useState(() => isDay(form.expires));
  const faults: Faults = error ? faultsOf(error) : {};
  const set = <F extends Field>(field: F, value: Form[F]) => {
    setForm((before) => ({ ...before, [field]: value }));
    setError((before) => (before && field in faultsOf(before) ? undefined : before));
  };

  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    if (!isComplete(form)) return;
    const changes = item && changesOf(formOf(item), form);
    if (changes && Object.keys(changes).length === 0) {
      notifications.show({ message: t("unchanged") });
      onClose();
      return;
    }
    setBusy(true);
    try {
      const made =
        item && changes
          ? await api.patch("/api/keys/{name}", { path: { name: item.name }, body: changes })
          : await api.post("/api/keys", { body: bodyOf(form) });
      onDone(made);
    } catch (thrown) {
      setError(asApiError(thrown));
      setBusy(false);
    }
  };

  const number = (limit: Limit, money = false) => (
    <NumberInput
      label={t(limit)}
      placeholder={t("unlimited")}
      value={form[limit] === 0 ? "" : form[limit]}
      onChange={(value) => set(limit, typeof value === "number" ? value : Number(value) || 0)}
      min={0}
      allowDecimal={money}
      allowNegative={false}
      decimalScale={money ? 6 : 0}
      thousandSeparator=" "
      error={faults[limit]}
    />
  );

  return (
    <Modal opened onClose={onClose} title={item ? t("editTitle", { name: item.name }) : t("newTitle")} size="lg" closeOnClickOutside={false} closeButtonProps={{ "aria-label": t("cancel") }}>
      <form onSubmit={send}>
        <Stack>
          {first && (
            <Alert color="gate" variant="light">
              {t("firstWarning")}
            </Alert>
          )}
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            {!item && (
              <TextInput
                label={t("name")}
                description={t("nameWhy")}
                value={form.name}
                onChange={(event) => set("name", event.currentTarget.value)}
                error={faults.name}
                required
                data-autofocus
                autoComplete="off"
              />
            )}
            <TextInput
              label={t("owner")}
              description={t("ownerWhy")}
              value={form.owner}
              onChange={(event) => set("owner", event.currentTarget.value)}
              error={faults.owner}
            />
            <TextInput
              label={t("expires")}
              description={plainDay ? t("expiresWhy") : t("expiresMoment")}
              type={plainDay ? "date" : "text"}
              value={form.expires}
              onChange={(event) => set("expires", event.currentTarget.value)}
              error={faults.expires}
            />
          </SimpleGrid>
          <Divider label={t("may")} labelPosition="left" />
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <TagsInput
              label={t("models")}
              description={t("modelsWhy")}
              value={form.models}
              onChange={(value) => set("models", value)}
              error={faults.models}
              acceptValueOnBlur
            />
            <MultiSelect
              label={t("dialects")}
              description={t("dialectsWhy")}
              data={DIALECTS}
              value={form.dialects}
              onChange={(value) => set("dialects", value)}
              error={faults.dialects}
            />
            <TagsInput
              label={t("networks")}
              description={t("networksWhy")}
              value={form.allowed_ips}
              onChange={(value) => set("allowed_ips", value)}
              error={faults.allowed_ips}
              acceptValueOnBlur
            />
            <NumberInput
              label={t("priority")}
              description={t("priorityWhy")}
              value={form.priority}
              onChange={(value) => set("priority", Number(value) || 1)}
              min={1}
              max={100}
              allowDecimal={false}
              error={faults.priority}
            />
          </SimpleGrid>
          <Checkbox
            label={t("capture")}
            description={t("captureWhy")}
            checked={form.capture}
            onChange={(event) => set("capture", event.currentTarget.checked)}
          />
          <Divider label={t("limits")} labelPosition="left" />
          <Text size="sm" c="dimmed">
            {t("limitsWhy")}
          </Text>
          <SimpleGrid cols={{ base: 1, xs: 3 }}>
            {number("max_in_flight")}
            {number("requests_per_minute")}
            {number("tokens_per_minute")}
          </SimpleGrid>
          <Divider label={t("budgets")} labelPosition="left" />
          <Text size="sm" c="dimmed">
            {t("budgetsWhy")}
          </Text>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            {number("tokens_per_day")}
            {number("tokens_per_month")}
            {number("cost_per_day", true)}
            {number("cost_per_month", true)}
          </SimpleGrid>
          {error && <ErrorBox error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("cancel")}
            </Button>
            <Button type="submit" loading={busy} disabled={!isComplete(form)}>
              {item ? t("save") : t("make")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
