import { IconPhotoOff } from "@tabler/icons-react";

import { useT } from "./i18n";
import classes from "./Picture.module.css";
import { useBlobUrl, usePictureUrl } from "./useTasks";

/** A picture of the history, by its hash. */
export function KeptPicture({ hash, alt, className }: { hash: string; alt: string; className?: string | undefined }) {
  const t = useT();
  const url = usePictureUrl(hash);
  if (url === null) {
    return (
      <span className={classes.gone} role="img" aria-label={t("pictureGone")}>
        <IconPhotoOff size={28} stroke={1.4} aria-hidden />
      </span>
    );
  }
  return url === undefined ? null : <img src={url} alt={alt} className={className} draggable={false} data-hash={hash} />;
}

/** A picture that is not kept: a preview. */
export function BlobPicture({ blob, alt, className }: { blob: Blob; alt: string; className?: string | undefined }) {
  const url = useBlobUrl(blob);
  return url === undefined ? null : <img src={url} alt={alt} className={className} draggable={false} />;
}
