import { Modal, SegmentedControl, Select, Slider } from "@mantine/core";
import { useState } from "react";

import classes from "./Compare.module.css";
import { useT } from "./i18n";
import { KeptPicture } from "./KeptPicture";
import type { Task } from "./task";

/** Two pictures beside one another, or one over the other with a border to move. */
export default function Compare({ tasks, onClose }: { tasks: readonly Task[]; onClose: () => void }) {
  const t = useT();
  const [way, setWay] = useState<"beside" | "over">("beside");
  const [border, setBorder] = useState(50);
  const [pair, setPair] = useState<[number, number]>([0, 1]);
  const names = tasks.map((task, index) => ({ value: String(index), label: `${index + 1}. ${task.asked.prompt.slice(0, 60)}` }));
  const side = (which: 0 | 1) => {
    const task = tasks[pair[which]];
    const picture = task?.results[0];
    return { task, picture };
  };
  const [left, right] = [side(0), side(1)];
  const image = ({ task, picture }: typeof left) => (task && picture ? <KeptPicture hash={picture.hash} alt={task.asked.prompt} /> : null);
  return (
    <Modal opened onClose={onClose} fullScreen title={t("compare")} classNames={{ body: classes.body ?? "", content: classes.content ?? "" }}>
      <div className={classes.bar}>
        {([0, 1] as const).map((which) => (
          <Select
            key={which}
            className={classes.pick ?? ""}
            aria-label={which === 0 ? t("left") : t("right")}
            data={names}
            value={String(pair[which])}
            allowDeselect={false}
            onChange={(value) => setPair(which === 0 ? [Number(value), pair[1]] : [pair[0], Number(value)])}
          />
        ))}
        <SegmentedControl
          aria-label={t("compare")}
          data={[
            { value: "beside", label: t("beside") },
            { value: "over", label: t("over") },
          ]}
          value={way}
          onChange={(value) => setWay(value === "over" ? "over" : "beside")}
        />
      </div>
      <div className={classes.stage} data-way={way}>
        <figure>
          {image(left)}
          {way === "beside" && <figcaption>{left.task?.asked.prompt}</figcaption>}
        </figure>
        <figure style={way === "over" ? { clipPath: `inset(0 0 0 ${border}%)` } : undefined}>
          {image(right)}
          {way === "beside" && <figcaption>{right.task?.asked.prompt}</figcaption>}
        </figure>
      </div>
      {way === "over" && <Slider value={border} onChange={setBorder} label={null} thumbLabel={t("border")} mx="xl" my="md" />}
    </Modal>
  );
}
