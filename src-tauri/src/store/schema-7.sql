-- Of a visit that goes on at another attempt of the same device: the attempt before, whose answers go on at this one.
alter table commission add column after blob;
