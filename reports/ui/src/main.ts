import "./style/tokens.css";
import "./style/base.css";
import "./style/verdict.css";
import "./style/time.css";
import "./style/spacetime.css";
import "./style/lifeline.css";
import "./style/print.css";
import { openReport } from "./app";

const root = document.getElementById("app");
if (root) void openReport(root);
