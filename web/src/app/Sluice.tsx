import { useId } from "react";

import classes from "./Sluice.module.css";

/** The name's picture, moving: a gate that is up while the gateway is reached, and water that runs while requests do. */
export function Sluice({ open, flowing, size = 30 }: { open: boolean; flowing: boolean; size?: number }) {
  const id = useId();
  return (
    <svg
      className={classes.sluice}
      data-open={open || undefined}
      data-flowing={flowing || undefined}
      width={size}
      height={size}
      viewBox="0 0 32 32"
      aria-hidden="true"
    >
      <clipPath id={id}>
        <rect width="32" height="32" rx="7" />
      </clipPath>
      <rect className={classes.ground} width="32" height="32" rx="7" />
      <g clipPath={`url(#${id})`}>
        <g className={classes.gate}>
          <path d="M16 3v8" />
          <rect x="11" y="11" width="10" height="6" rx="1" />
        </g>
        <path className={classes.frame} d="M8 5.500v12.500M24 5.500v12.500M6 8h20" />
        <path className={classes.water} d="M-8 22c2-1.800 4-1.800 6 0s4 1.800 6 0 4-1.800 6 0 4 1.800 6 0 4-1.800 6 0 4 1.800 6 0 4-1.800 6 0 4 1.800 6 0" />
        <path className={classes.deep} d="M-8 27c2-1.800 4-1.800 6 0s4 1.800 6 0 4-1.800 6 0 4 1.800 6 0 4-1.800 6 0 4 1.800 6 0 4-1.800 6 0 4 1.800 6 0" />
      </g>
    </svg>
  );
}
