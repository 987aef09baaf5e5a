export { forgetNodes as default } from "./node";
