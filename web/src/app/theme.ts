/** Colours of water and of the gate that holds it. */

import { createTheme, type CSSVariablesResolver, type MantineColorsTuple, type MantineThemeOverride } from "@mantine/core";

const water: MantineColorsTuple = [
  "#e8f6f7",
  "#d2ebee",
  "#a7d8dd",
  "#77c3cb",
  "#50b0ba",
  "#36a2ae",
  "#1d8b98",
  "#0e7482",
  "#0a5d6a",
  "#084853",
];

/** What asks for attention, and is nothing bad. */
const gate: MantineColorsTuple = [
  "#fff6e0",
  "#ffeac2",
  "#fcd789",
  "#f8c254",
  "#f2ae2f",
  "#e29a17",
  "#c07d0a",
  "#986106",
  "#754a06",
  "#573704",
];

/** Dark enough for white on it, from 7 on. */
const red: MantineColorsTuple = [
  "#fff0f0",
  "#ffdfe0",
  "#fbbdbf",
  "#f8989c",
  "#f47a7f",
  "#ee5f66",
  "#dc464e",
  "#c2333b",
  "#9f252c",
  "#7b1a20",
];

const gray: MantineColorsTuple = [
  "#f5f9fa",
  "#ebf2f4",
  "#dce6ea",
  "#c8d5da",
  "#a6b7be",
  "#7f949d",
  "#566b75",
  "#40535c",
  "#293a42",
  "#14222a",
];

const dark: MantineColorsTuple = [
  "#dbe7ea",
  "#bccdd3",
  "#93aab2",
  "#6d8791",
  "#2f4650",
  "#243a44",
  "#172a33",
  "#10212a",
  "#0b181f",
  "#070f14",
];

/** What the library's own buttons are called, which show a cross and no word. */
export interface ButtonNames {
  close: string;
  remove: string;
  clear: string;
}

export function themeWith(names: ButtonNames): MantineThemeOverride {
  const called = (name: string) => ({ "aria-label": name });
  return {
    ...theme,
    components: {
      // Of dialogs, drawers and notifications alike.
      CloseButton: { defaultProps: called(names.close) },
      InputClearButton: { defaultProps: called(names.clear) },
      Pill: { defaultProps: { removeButtonProps: called(names.remove) } },
    },
  };
}

const theme = createTheme({
  primaryColor: "water",
  // The same in light and dark: what is written on it is decided for one of them only.
  primaryShade: 7,
  autoContrast: true,
  colors: { water, gate, red, gray, dark },
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily:
    '"Inter", ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans SC", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, "Noto Sans Mono", monospace',
  headings: { fontWeight: "650" },
  focusRing: "auto",
  respectReducedMotion: true,
});

/** `--sw-…`: what our own styles go by. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--sw-ground": "#f1f6f7",
    "--sw-surface": "#ffffff",
    "--sw-line": "#dce6ea",
    "--sw-accent": "#0e7482",
    "--sw-accent-soft": "#dff0f2",
    "--sw-warn": "#986106",
    "--sw-bad": "#c2333b",
    "--sw-good": "#16794c",
    "--mantine-color-dimmed": "#566b75",
  },
  dark: {
    "--sw-ground": "#0b181f",
    "--sw-surface": "#10212a",
    "--sw-line": "#22363f",
    "--sw-accent": "#50b0ba",
    "--sw-accent-soft": "#14343c",
    "--sw-warn": "#f2ae2f",
    "--sw-bad": "#ff8a8a",
    "--sw-good": "#5cc795",
    "--mantine-color-dimmed": "#93aab2",
    "--mantine-color-default-border": "#2f4650",
    // Of the variants "light" and "subtle": the library takes almost white for all of them.
    "--mantine-color-water-light-color": "var(--sw-accent)",
    "--mantine-color-green-light-color": "var(--sw-good)",
    "--mantine-color-gate-light-color": "var(--sw-warn)",
    "--mantine-color-red-light-color": "var(--sw-bad)",
  },
});
