import type { Like } from "@/i18n";

import type { en } from "./messages.en";

export const zh: Like<typeof en> = {
  copy: "复制",
  copied: "已复制",
  rawError: "原始内容",
  requestId: "请求",
  tryAgain: "重试",
  network: "没有收到任何回应：网关未运行，或中间某处拒绝了连接。",
  keyNeeded: "请输入管理密钥",
  keyWrong: "此密钥未被接受",
  keyWhy: "从网关以外的机器访问时，此页面需要管理密钥：即网关配置中 `admin.keys` 里的任意一个。",
  key: "管理密钥",
  keyRemember: "在此浏览器中记住",
  keyRememberWhy: "否则关闭此标签页后即忘记。",
  keyUse: "打开",
  forbidden: "网关把此页面当作外来页面",
  forbiddenWhy: "它只回应自己的页面。如果前面有代理，请让代理原样传递浏览器发送的 Host 头。",
  cancel: "取消",
  loading: "加载中…",
};
