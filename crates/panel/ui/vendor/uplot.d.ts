// Loaded when a chart is shown, and used as a black box.
declare const uPlot: any;
export default uPlot;
