// A user and a node as the API shows them; for tests.

export const userJson = {
  id: "1",
  name: "mira",
  createdAt: "2026-11-20T08:00:00Z",
  displayName: "Mira",
  email: "mira@example.com",
  providerId: "",
  provider: "",
  profilePicUrl: "",
};

export const nodeJson = {
  id: "1",
  machineKey: `mkey:${"0".repeat(64)}`,
  nodeKey: `nodekey:${"1".repeat(64)}`,
  discoKey: `discokey:${"2".repeat(64)}`,
  ipAddresses: ["100.64.0.1", "fd7a::1"],
  name: "Laptop",
  user: userJson,
  lastSeen: "2026-11-25T11:59:00Z",
  expiry: "2026-11-28T13:00:00Z",
  preAuthKey: null,
  createdAt: "2026-11-20T09:00:00Z",
  registerMethod: "REGISTER_METHOD_AUTH_KEY",
  givenName: "laptop",
  online: true,
  approvedRoutes: ["10.0.0.0/24"],
  availableRoutes: ["10.0.0.0/24", "10.0.1.0/24"],
  subnetRoutes: ["10.0.0.0/24"],
  tags: [],
};
