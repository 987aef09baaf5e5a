export { prepareNodes as default } from "./node";
