import { Text, type TextProps, Tooltip } from "@mantine/core";
import { useSyncExternalStore } from "react";

import { useFormat } from "@/i18n";

const EVERY_MS = 10_000;

/** How long ago, kept current; the moment itself on hovering. `at`: Unix seconds. */
export function TimeAgo({ at, ...text }: TextProps & { at: number }) {
  const format = useFormat();
  const tick = useNow(EVERY_MS);
  // The clock of the page only ticks now and then: what happened since its last tick happened now.
  const now = at * 1000 - tick < EVERY_MS ? Math.max(tick, at * 1000) : tick;
  return (
    <Tooltip label={format.moment(at)}>
      <Text component="time" inherit {...text} dateTime={new Date(at * 1000).toISOString()}>
        {format.relative(at, now)}
      </Text>
    </Tooltip>
  );
}

/** Now in milliseconds, every so often: for what grows old while it is looked at. */
export function useNow(everyMs: number): number {
  return useSyncExternalStore(
    (changed) => {
      const timer = window.setInterval(changed, everyMs);
      return () => window.clearInterval(timer);
    },
    () => Math.floor(Date.now() / everyMs) * everyMs,
  );
}
