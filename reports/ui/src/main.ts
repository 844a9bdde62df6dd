import "./style/tokens.css";
import "./style/base.css";
import "./style/verdict.css";
import "./style/time.css";
import "./style/spacetime.css";
import "./style/lifeline.css";
import "uplot/dist/uPlot.min.css";
import "./style/charts.css";
import "./style/log.css";
import "./style/batch.css";
import "./style/print.css";
import { openReport } from "./app";

const root = document.getElementById("app");
if (root) void openReport(root);
