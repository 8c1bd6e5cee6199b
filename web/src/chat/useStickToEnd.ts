/** A scrolled text that grows: its end stays in sight, unless the reader has gone up. */

import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** Nearer than this counts as at the end. */
const NEAR_PX = 60;

export interface Sticking {
  /** What scrolls. */
  ref: RefObject<HTMLDivElement | null>;
  /** What grows in it. */
  content: RefObject<HTMLDivElement | null>;
  /** The reader has gone up. */
  away: boolean;
  toEnd: () => void;
}

/** `last`: of the last thing in it. When there is a new one, its end comes into sight wherever the reader was. */
export function useStickToEnd(last: string | undefined): Sticking {
  const ref = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const [away, setAway] = useState(false);
  const sticks = useRef(true);

  const toEnd = useCallback(() => {
    sticks.current = true;
    const element = ref.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, []);

  useLayoutEffect(toEnd, [last, toEnd]);

  useEffect(() => {
    const [element, inner] = [ref.current, content.current];
    if (!element || !inner) return;
    let top = element.scrollTop;
    const scrolled = () => {
      const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
      // What grows pushes the end away, too; only who goes up wants to be left alone.
      if (near) sticks.current = true;
      else if (element.scrollTop < top) sticks.current = false;
      top = element.scrollTop;
      setAway(!near && !sticks.current);
    };
    const grew = new ResizeObserver(() => {
      if (sticks.current) element.scrollTop = element.scrollHeight;
    });
    grew.observe(inner);
    grew.observe(element);
    element.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      grew.disconnect();
      element.removeEventListener("scroll", scrolled);
    };
  }, []);

  return { ref, content, away, toEnd };
}
