import type { LoadBalancing } from "../../components/ldirectordConf";

/** The guide's values, in the program's terms. It has no persistence. */
export const guide: LoadBalancing = {
  checkInterval: 20,
  checkTimeout: 5,
  failureCount: 2,
  autoReload: true,
  quiescent: false,
  scheduler: "wlc",
  persistence: 0,
  forwarding: "gate",
  request: "test.html",
  receive: "still alive",
};
