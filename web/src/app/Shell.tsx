import {
  ActionIcon,
  AppShell,
  Box,
  Group,
  type MantineColorScheme,
  Menu,
  NavLink,
  Stack,
  Text,
  Tooltip,
  UnstyledButton,
  useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconDots, IconKeyboard, IconLanguage, IconMoon, IconSun, IconSunMoon } from "@tabler/icons-react";
import { lazy, type ReactNode, Suspense, useId, useMemo, useState } from "react";
import { Link, Outlet, useLocation, useNavigate } from "react-router";

import { type Language, language, LANGUAGES, useLanguage } from "@/i18n";
import { useStore } from "@/lib/persisted";
import { Confirmations } from "@/ui/confirm";
import { type Shortcut, useShortcutKeys, useShortcuts } from "@/ui/shortcuts";

import { connection, useConnectionWatch } from "./connection";
import { useT } from "./i18n";
import { BOTTOM, GROUPS, type Place, PLACES } from "./places";
import classes from "./Shell.module.css";
import { Sluice } from "./Sluice";

// Dialogs come when they are asked for: none is there at first.
const MorePages = lazy(() => import("./MorePages"));
const ShortcutHelp = lazy(() => import("./ShortcutHelp"));

/** Takes settings from the address, and asks first where they are a stranger's. */
const UrlSettings = lazy(() => import("@/settings/UrlSettings"));

/** What is around every page: its navigation, the state of the connection, colours and language. */
export function Shell() {
  const t = useT();
  const [more, { open: openMore, close: closeMore }] = useDisclosure(false);
  const [help, setHelp] = useState(false);
  useConnectionWatch();
  useOwnShortcuts(() => setHelp(true));
  useShortcutKeys();

  return (
    <AppShell
      layout="alt"
      navbar={{ width: 232, breakpoint: "sm", collapsed: { mobile: true } }}
      footer={{ height: { base: "calc(58px + env(safe-area-inset-bottom))", sm: 0 } }}
    >
      <a className="sw-skip" href="#content" onClick={toContent}>
        {t("skip")}
      </a>
      <AppShell.Navbar className={classes.navbar} aria-label={t("navigation")}>
        <Brand />
        <Pages />
        <Foot onHelp={() => setHelp(true)} />
      </AppShell.Navbar>
      <AppShell.Main className={classes.main} id="content" tabIndex={-1}>
        <Away />
        <Suspense fallback={<div className={classes.progress} />}>
          <Outlet />
        </Suspense>
      </AppShell.Main>
      <AppShell.Footer className={classes.bottom} hiddenFrom="sm" component="nav" aria-label={t("mainNavigation")}>
        {PLACES.filter((place) => BOTTOM.includes(place.name)).map((place) => (
          <Tab key={place.name} place={place} />
        ))}
        <UnstyledButton className={classes.tab} onClick={openMore} aria-expanded={more}>
          <IconDots size={22} stroke={1.7} aria-hidden />
          {t("more")}
        </UnstyledButton>
      </AppShell.Footer>
      <WhenOpened opened={more}>
        <MorePages opened={more} onClose={closeMore}>
          <Brand />
          <Pages />
          <Foot onHelp={() => setHelp(true)} />
        </MorePages>
      </WhenOpened>
      <WhenOpened opened={help}>
        <ShortcutHelp opened={help} onClose={() => setHelp(false)} />
      </WhenOpened>
      <Suspense fallback={null}>
        <UrlSettings />
      </Suspense>
      <Confirmations />
    </AppShell>
  );
}

/** From the first time on that it was open, so that it can also be seen closing. */
function WhenOpened({ opened, children }: { opened: boolean; children: ReactNode }) {
  const [was, setWas] = useState(opened);
  if (opened && !was) setWas(true);
  return was ? <Suspense fallback={null}>{children}</Suspense> : null;
}

function Brand() {
  const t = useT();
  const { state, inFlight } = useStore(connection);
  const words = { waiting: t("waiting"), connected: t("connected"), away: t("away") }[state];
  const detail = state === "connected" ? (inFlight > 0 ? t("running", { n: inFlight }) : t("quiet")) : t("awayWhy");
  return (
    <Tooltip label={detail} position="bottom-start" openDelay={300}>
      <Link to="/" className={classes.brand}>
        <Sluice open={state === "connected"} flowing={inFlight > 0} size={36} />
        <span>
          <span className={classes.name}>sluiceway</span>
          <span className={classes.state} data-state={state} role="status">
            {words}
          </span>
        </span>
      </Link>
    </Tooltip>
  );
}

/** On a phone, where the brand is not seen: only what is wrong. */
function Away() {
  const t = useT();
  const { state } = useStore(connection);
  if (state !== "away") return null;
  return (
    <Box className={classes.away} hiddenFrom="sm" role="status">
      {t("away")} · {t("awayWhy")}
    </Box>
  );
}

function Pages() {
  const t = useT();
  const id = useId();
  const { pathname } = useLocation();
  return (
    <Stack gap="md" className={classes.pages}>
      {GROUPS.map((group) => (
        <div key={group.name} role="group" aria-labelledby={`${id}-${group.name}`}>
          <Text id={`${id}-${group.name}`} className={classes.group}>
            {t(group.name)}
          </Text>
          {group.places.map((place) => (
            <NavLink
              key={place.name}
              component={Link}
              to={place.path}
              active={isAt(pathname, place)}
              aria-current={isAt(pathname, place) ? "page" : undefined}
              label={t(place.name)}
              leftSection={<place.icon size={19} stroke={1.7} aria-hidden />}
              className={classes.page ?? ""}
              onPointerEnter={() => void place.load().catch(() => undefined)}
            />
          ))}
        </div>
      ))}
    </Stack>
  );
}

function Tab({ place }: { place: Place }) {
  const t = useT();
  const here = isAt(useLocation().pathname, place);
  return (
    <Link to={place.path} className={classes.tab} aria-current={here ? "page" : undefined}>
      <place.icon size={22} stroke={1.7} aria-hidden />
      {place.name === "studio" ? t("studioShort") : t(place.name)}
    </Link>
  );
}

function Foot({ onHelp }: { onHelp: () => void }) {
  const t = useT();
  return (
    <Group className={classes.foot} gap={4}>
      <ColourMenu />
      <LanguageMenu />
      <Tooltip label={t("shortcuts")}>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("shortcuts")} onClick={onHelp}>
          <IconKeyboard size={19} stroke={1.7} />
        </ActionIcon>
      </Tooltip>
    </Group>
  );
}

function ColourMenu() {
  const t = useT();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const icons = { light: IconSun, dark: IconMoon, auto: IconSunMoon };
  const Icon = icons[colorScheme];
  return (
    <Menu position="top-start">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("colours")}>
          <Icon size={19} stroke={1.7} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.RadioGroup value={colorScheme} onChange={(value) => setColorScheme(value as MantineColorScheme)}>
          {(["light", "dark", "auto"] as const).map((scheme) => (
            <Menu.RadioItem key={scheme} value={scheme}>
              {t(scheme)}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  );
}

function LanguageMenu() {
  const t = useT();
  const current = useLanguage();
  return (
    <Menu position="top-start">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("language")}>
          <IconLanguage size={19} stroke={1.7} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.RadioGroup value={current} onChange={(value) => language.set(value as Language)}>
          {(Object.keys(LANGUAGES) as Language[]).map((one) => (
            <Menu.RadioItem key={one} value={one} lang={one}>
              {LANGUAGES[one]}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  );
}

function useOwnShortcuts(showHelp: () => void): void {
  const t = useT();
  const go = useNavigate();
  const { toggleColorScheme } = useMantineColorScheme();
  const shortcuts = useMemo<Shortcut[]>(
    () => [
      ...PLACES.map((place) => ({
        keys: ["g", place.letter],
        label: t("goTo", { page: t(place.name) }),
        run: () => void go(place.path),
      })),
      { keys: ["d"], label: t("toggleColours"), run: toggleColorScheme },
      { keys: ["?"], label: t("showShortcuts"), run: showHelp },
    ],
    // What shows the help is the same function in all but name.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [t, go, toggleColorScheme],
  );
  useShortcuts(shortcuts, "everywhere");
}

function isAt(pathname: string, place: Place): boolean {
  return pathname === place.path || pathname.startsWith(`${place.path}/`);
}

function toContent(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}
